#include "lib/compiler/load/document.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using Kind = DocumentNode::Kind;

// One line per document: scalars in quotes unless plain, places on demand.
std::string Dump(const DocumentNode& node) {
  std::string out;
  switch (node.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kScalar:
      return node.plain ? node.scalar : absl::StrCat("'", node.scalar, "'");
    case Kind::kSequence:
      for (const auto& item : node.items)
        absl::StrAppend(&out, out.empty() ? "" : " ", Dump(*item));
      return absl::StrCat("[", out, "]");
    case Kind::kMapping:
      for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
        absl::StrAppend(&out, i == 0 ? "" : " ", Dump(*node.items[i]), ":",
                        Dump(*node.items[i + 1]));
      }
      return absl::StrCat("{", out, "}");
  }
  return "?";
}

std::string Parse(const std::string& name, const std::string& text, DocumentLimits limits = {}) {
  Diagnostics diagnostics;
  const ParsedDocuments parsed = ParseDocuments(name, text, limits, diagnostics);
  std::string out;
  for (size_t i = 0; i < parsed.documents.size(); ++i) {
    absl::StrAppend(&out, parsed.indexes[i], " ", Dump(*parsed.documents[i]), "\n");
  }
  for (const Diagnostic& d : diagnostics.list()) out += FormatDiagnostic(d);
  return out;
}

// "3:7" of the node at `field`.
std::string PlaceOf(const std::string& name, const std::string& text, const std::string& field) {
  Diagnostics diagnostics;
  const ParsedDocuments parsed = ParseDocuments(name, text, {}, diagnostics);
  EXPECT_FALSE(diagnostics.HasErrors());
  EXPECT_EQ(parsed.documents.size(), 1u);
  if (parsed.documents.size() != 1) return "";
  const DocumentNode* node = FindNode(*parsed.documents[0], field);
  return absl::StrCat(node->place.line, ":", node->place.column);
}

std::string TextPlaceOf(const std::string& name, const std::string& text,
                        const std::string& field) {
  Diagnostics diagnostics;
  const ParsedDocuments parsed = ParseDocuments(name, text, {}, diagnostics);
  EXPECT_EQ(parsed.documents.size(), 1u);
  if (parsed.documents.size() != 1) return "";
  const DocumentNode* node = FindNode(*parsed.documents[0], field);
  if (node->text_place.line == 0) return "none";
  return absl::StrCat(node->text_place.line, ":", node->text_place.column, "+", node->text_indent);
}

TEST(ParseDocumentsTest, ReadsYamlWithItsQuotes) {
  EXPECT_EQ(Parse("f", "a: b\nc: 'd'\ne: \"f\\n\"\ng: |\n  h\ni: [1, {}, []]\nj:\n"),
            "0 {a:b c:'d' e:'f\n' g:'h\n' i:[1 {} []] j:null}\n");
}

TEST(ParseDocumentsTest, ReadsJsonWithEscapes) {
  EXPECT_EQ(Parse("f.json", R"({"a": "\u00e9\ud83d\ude00\n", "b": [true, null, -1.5e3]})"),
            "0 {'a':'\xC3\xA9\xF0\x9F\x98\x80\n' 'b':[true null -1.5e3]}\n");
}

TEST(ParseDocumentsTest, TakesTextInBracesForJsonOnlyIfItIs) {
  EXPECT_EQ(Parse("f", R"({"a": 1})"), "0 {'a':1}\n");
  EXPECT_EQ(Parse("f", "{a: 1}"), "0 {a:1}\n");
  EXPECT_EQ(Parse("f", "{\"a\": 1,}"), "0 {'a':1}\n");
  EXPECT_EQ(Parse("f", "[1]"), "0 [1]\n");
}

TEST(ParseDocumentsTest, NumbersDocumentsWithTheEmptyOnes) {
  EXPECT_EQ(Parse("f", "---\n---\na: b\n---\n# nothing\n---\nc: d\n"), "1 {a:b}\n3 {c:d}\n");
  EXPECT_EQ(Parse("f.json", "null {\"a\": 1}\n[2]"), "1 {'a':1}\n2 [2]\n");
  Diagnostics diagnostics;
  EXPECT_EQ(ParseDocuments("f", "---\n---\na: b\n---\n", {}, diagnostics).empty_documents, 2u);
}

TEST(ParseDocumentsTest, EndsADocumentAtDots) {
  EXPECT_EQ(Parse("f", "a: b\n...\n# and\nc: d\n"), "0 {a:b}\n1 {c:d}\n");
}

TEST(ParseDocumentsTest, CopiesAliases) {
  EXPECT_EQ(Parse("f", "a: &x [1, {b: 2}]\nc: *x\nd: [*x]\n"),
            "0 {a:[1 {b:2}] c:[1 {b:2}] d:[[1 {b:2}]]}\n");
}

TEST(ParseDocumentsTest, MergesMappings) {
  EXPECT_EQ(Parse("f",
                  "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: *a\n  x: 3\n"
                  "d: {<<: [*a, *b]}\n"),
            "0 {a:{x:1 y:1} b:{y:2 z:2} c:{x:3 y:1} d:{x:1 y:1 z:2}}\n");
  EXPECT_EQ(Parse("f", "a: {<<: &i {x: 1}, y: 2}\nb: *i\n"), "0 {a:{y:2 x:1} b:{x:1}}\n");
  EXPECT_EQ(Parse("f", "a: {'<<': 1}\n"), "0 {a:{'<<':1}}\n");
}

TEST(ParseDocumentsTest, TakesTheCoreTags) {
  EXPECT_EQ(Parse("f", "a: !!str 5\nb: !!int 5\nc: !!map {}\nd: !!seq []\ne: ! 5\n"),
            "0 {a:'5' b:5 c:{} d:[] e:'5'}\n");
}

TEST(ParseDocumentsTest, KeepsPlacesInYaml) {
  const std::string text =
      "a:\n"
      "  b: [x, 'y']\n"
      "  c:\n"
      "  -\n"
      "  - d:\n"
      "    e: &n\n"
      "      f: 1\n";
  EXPECT_EQ(PlaceOf("f", text, "a"), "2:3");
  EXPECT_EQ(PlaceOf("f", text, "a.b[1]"), "2:10");
  EXPECT_EQ(PlaceOf("f", text, "a.c[0]"), "4:3");
  EXPECT_EQ(PlaceOf("f", text, "a.c[1].d"), "5:5");
  EXPECT_EQ(PlaceOf("f", text, "a.c[1].e.f"), "7:10");
}

TEST(ParseDocumentsTest, KeepsPlacesInJson) {
  const std::string text = "{\"a\" : [1,\n  {\"b\\\"c\": true},\n  null], \"d\":\"e\"}";
  EXPECT_EQ(PlaceOf("f.json", text, ""), "1:1");
  EXPECT_EQ(PlaceOf("f.json", text, "a"), "1:8");
  EXPECT_EQ(PlaceOf("f.json", text, "a[0]"), "1:9");
  EXPECT_EQ(PlaceOf("f.json", text, "a[1]"), "2:3");
  EXPECT_EQ(PlaceOf("f.json", text, R"(a[1]["b\"c"])"), "2:12");
  EXPECT_EQ(PlaceOf("f.json", text, "a[2]"), "3:3");
  EXPECT_EQ(PlaceOf("f.json", text, "d"), "3:14");
}

TEST(ParseDocumentsTest, CountsColumnsInBytes) {
  EXPECT_EQ(PlaceOf("f", "{\xC3\xA9: 1, b: 2}", "b"), "1:12");
  EXPECT_EQ(PlaceOf("f.json", "{\"\xC3\xA9\": 1, \"b\": 2}", "b"), "1:16");
}

TEST(ParseDocumentsTest, KnowsWhereTheLinesOfABlockStand) {
  EXPECT_EQ(TextPlaceOf("f", "a:\n  b: |\n    x\n      y\n", "a.b"), "3:5+4");
  EXPECT_EQ(TextPlaceOf("f", "a:\n  b: |-\n\n\n    x\n", "a.b"), "3:5+4");
  EXPECT_EQ(TextPlaceOf("f", "a: |2 # two\n    x\n  y\n", "a"), "2:3+2");
  EXPECT_EQ(TextPlaceOf("f", "a: &n |\r\n  x\r\n  y\r\n", "a"), "2:3+2");
  EXPECT_EQ(TextPlaceOf("f", "- !!str\n  |\n  x\n", "[0]"), "3:3+2");
  EXPECT_EQ(TextPlaceOf("f", "a: >\n  x\n  y\n", "a"), "none");
}

TEST(ParseDocumentsTest, KnowsWhereTheTextOfOneLineStands) {
  EXPECT_EQ(TextPlaceOf("f", "a: x y\n", "a"), "1:4+0");
  EXPECT_EQ(TextPlaceOf("f", "a: 'x y'\n", "a"), "1:5+0");
  EXPECT_EQ(TextPlaceOf("f", "a: &n \"x y\"\n", "a"), "1:8+0");
  EXPECT_EQ(TextPlaceOf("f.json", "{\"a\": \"x\"}", "a"), "1:8+0");
  EXPECT_EQ(TextPlaceOf("f", "a: 'it''s'\n", "a"), "none");
  EXPECT_EQ(TextPlaceOf("f", "a: \"x\\ty\"\n", "a"), "none");
  EXPECT_EQ(TextPlaceOf("f", "a: x\n  y\n", "a"), "none");
  EXPECT_EQ(TextPlaceOf("f.json", "{\"a\": \"x\\ny\"}", "a"), "none");
}

TEST(FindNodeTest, StopsAtTheDeepestAncestor) {
  const std::string text = "a: {b: [x], \"c.d\": {e: y}}\n";
  EXPECT_EQ(PlaceOf("f", text, "a.b[0]"), "1:9");
  EXPECT_EQ(PlaceOf("f", text, "a.b[1]"), "1:8");
  EXPECT_EQ(PlaceOf("f", text, "a.b[x]"), "1:8");
  EXPECT_EQ(PlaceOf("f", text, "a.b.c"), "1:8");
  EXPECT_EQ(PlaceOf("f", text, "a[0]"), "1:4");
  EXPECT_EQ(PlaceOf("f", text, "a[\"c.d\"].e"), "1:24");
  EXPECT_EQ(PlaceOf("f", text, "z"), "1:1");
}

// --- limits -----------------------------------------------------------------

TEST(DocumentLimitsTest, RefusesLargeInputs) {
  DocumentLimits limits;
  limits.bytes = 10;
  EXPECT_EQ(Parse("f", "a: 3456789", limits), "0 {a:3456789}\n");
  EXPECT_EQ(Parse("f", "a: 34567890", limits),
            "f: error: the input has 11 bytes; 10 are allowed [too-large]\n"
            "  fix: split it into several files\n");
}

TEST(DocumentLimitsTest, RefusesLargeDocumentsAndReadsOn) {
  DocumentLimits limits;
  limits.document_bytes = 20;
  EXPECT_EQ(Parse("f", "---\na: 1\nb: 2\nccccccccccc: 3\nd: 4\n---\na: b\n", limits),
            "1 {a:b}\n"
            "f:4:14: error: ccccccccccc: the document is larger than 20 bytes [too-large]\n"
            "  fix: split it into several documents\n");
}

TEST(DocumentLimitsTest, RefusesLongText) {
  DocumentLimits limits;
  limits.scalar_bytes = 4;
  EXPECT_EQ(Parse("f", "a: [abcd, abcde]\n---\na: b\n", limits),
            "1 {a:b}\n"
            "f:1:11: error: a[1]: the text has 5 bytes; 4 are allowed [too-large]\n"
            "  fix: shorten it or split it\n");
}

TEST(DocumentLimitsTest, RefusesManyNodes) {
  DocumentLimits limits;
  limits.nodes = 4;
  EXPECT_EQ(Parse("f", "[a, b, c]\n", limits), "0 [a b c]\n");
  const std::string want =
      ":1:11: error: [3]: the document has more than 4 values, counting what aliases stand for "
      "[too-many-nodes]\n"
      "  fix: split it into several documents, or use fewer aliases\n";
  EXPECT_EQ(Parse("f", "[a, b, c, d]\n", limits), "f" + want);
  EXPECT_EQ(Parse("f.json", "[1, 2, 3, 4]\n", limits), "f.json" + want);
}

TEST(DocumentLimitsTest, RefusesDeepNesting) {
  DocumentLimits limits;
  limits.depth = 2;
  EXPECT_EQ(Parse("f", "a: [b]\n", limits), "0 {a:[b]}\n");
  EXPECT_EQ(Parse("f", "a: [[b]]\n---\na: b\n", limits),
            "1 {a:b}\n"
            "f:1:5: error: a[0]: lists and objects are nested deeper than 2 levels [too-deep]\n"
            "  fix: a policy needs fewer than 16 levels\n");
  EXPECT_EQ(Parse("f.json", "[[[]]] 1", limits),
            "f.json:1:3: error: [0][0]: lists and objects are nested deeper than 2 levels; nothing "
            "after this place was read [too-deep]\n"
            "  fix: a policy needs fewer than 16 levels\n");
}

TEST(DocumentLimitsTest, RefusesAliasesThatGrow) {
  std::string laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const std::string alias = absl::StrCat("*", std::string(1, static_cast<char>(c - 1)));
    absl::StrAppend(&laughs, std::string(1, c), ": &", std::string(1, c), " [");
    for (int i = 0; i < 10; ++i) absl::StrAppend(&laughs, alias, i < 9 ? "," : "]\n");
  }
  DocumentLimits limits;
  limits.nodes = 100000;
  EXPECT_EQ(Parse("f", laughs, limits),
            "f:5:29: error: e[7]: the document has more than 100000 values, counting what aliases "
            "stand for [too-many-nodes]\n"
            "  fix: split it into several documents, or use fewer aliases\n");
}

TEST(DocumentLimitsTest, RefusesAliasesOfLongTextThatGrow) {
  const std::string text = absl::StrCat("a: &a ", std::string(1000000, 'x'),
                                        "\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n");
  EXPECT_EQ(Parse("f", text),
            "f:2:33: error: b[7]: the texts of the document have more than 8388608 bytes, counting "
            "what aliases stand for [too-large]\n"
            "  fix: split it into several documents, or use fewer aliases\n");
}

TEST(DocumentLimitsTest, RefusesAliasesThatNest) {
  DocumentLimits limits;
  limits.depth = 3;
  EXPECT_EQ(Parse("f", "a: &a [[x]]\nb: [*a]\n", limits),
            "f:2:5: error: b[0]: lists and objects are nested deeper than 3 levels, counting what "
            "aliases stand for [too-deep]\n"
            "  fix: write fewer aliases inside aliases\n");
}

// A million of each would need gigabytes or a deep stack if it reached the YAML parser unchecked.
TEST(DocumentLimitsTest, RefusesMillionsOfOpenBrackets) {
  EXPECT_EQ(Parse("f", "a: " + std::string(1000000, '[')),
            "f:1:10004: error: more than 10000 brackets are open; the file was not read "
            "[too-deep]\n"
            "  fix: close the brackets\n");
  EXPECT_EQ(Parse("f", "a: [" + std::string(1048580, ',')),
            "f:1:1048580: error: the document has more than 1048576 brackets and commas; the file "
            "was not read [too-many-nodes]\n"
            "  fix: split it into several documents\n");
}

TEST(DocumentLimitsTest, MarkersLookalikesDoNotResetTheCount) {
  std::string text = "a: ";
  for (int i = 0; i < 11; ++i) text += std::string(1000, '[') + "\n---x\n";
  EXPECT_EQ(Parse("f", text),
            "f:21:1: error: more than 10000 brackets are open; the file was not read [too-deep]\n"
            "  fix: close the brackets\n");
}

TEST(DocumentLimitsTest, RefusesMillionsOfNestedBlocks) {
  for (const std::string item : {"- ", "? "}) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += item;
    const std::string out = Parse("f", text);
    EXPECT_NE(out.find("too deep to read on"), std::string::npos) << out;
  }
}

TEST(DocumentLimitsTest, RefusesADocumentOfTenMegabytes) {
  std::string text = "a:\n";
  while (text.size() < 10000000) absl::StrAppend(&text, "- ", std::string(100000, 'x'), "\n");
  EXPECT_EQ(
      Parse("f", text),
      "f:85:3: error: a[83]: the texts of the document have more than 8388608 bytes, counting "
      "what aliases stand for [too-large]\n"
      "  fix: split it into several documents, or use fewer aliases\n");
}

TEST(DocumentLimitsTest, ReadsTenMegabytesOfSmallDocuments) {
  std::string text;
  while (text.size() < 10000000) {
    absl::StrAppend(&text, "---\na: |\n  ", std::string(100000, 'x'), "\n");
  }
  Diagnostics diagnostics;
  EXPECT_EQ(ParseDocuments("f", text, {}, diagnostics).documents.size(), 100u);
  EXPECT_EQ(diagnostics.size(), 0u);
}

}  // namespace
}  // namespace varmor
