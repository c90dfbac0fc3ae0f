#include "tools/varmor/man_page.h"

#include "gtest/gtest.h"
#include "lib/compiler/version.h"

namespace varmor {
namespace {

CommandSpec Paint() {
  CommandSpec spec;
  spec.name = "paint";
  spec.summary = "paint a fence";
  spec.operands = "FENCE";
  spec.description = "Paints it, and\nlets it dry.\n\nColours:\n  white\n  .hidden \\ one";
  FlagSpec colour;
  colour.name = "colour";
  colour.letter = 'c';
  colour.value = "WORD";
  colour.help = "which colour\n(default white)";
  colour.choices = {"white", "off-white"};
  spec.flags = {colour};
  spec.examples = {{".paint 'it'", "a name that looks like a request"}};
  return spec;
}

TEST(ManPageTest, CommandsPageIsWhatItsTableSays) {
  const std::vector<ManPage> pages = ManPages({Paint()});
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[1].file, "varmor-paint.1");
  const std::string begin =
      std::string(".TH VARMOR\\-PAINT 1 \"\" \"varmor ") + kVersion + R"(" "User Commands"
.SH NAME
varmor\-paint \- paint a fence
.SH SYNOPSIS
\fBvarmor paint\fR [FLAG]... FENCE
.SH DESCRIPTION
.PP
Paints it, and lets it dry.
.PP
.nf
Colours:
  white
  .hidden \e one
.fi
.SH OPTIONS
.TP
\fB\-c\fR \fIWORD\fR, \fB\-\-colour\fR \fIWORD\fR
which colour (default white)
.br
One of: white, off\-white
)";
  EXPECT_EQ(pages[1].text.substr(0, begin.size()), begin);
}

TEST(ManPageTest, ExamplesAreNeverRequests) {
  EXPECT_NE(ManPages({Paint()})[1].text.find("\n.nf\n\\&.paint \\(aqit\\(aq\n.fi\n"),
            std::string::npos);
}

TEST(ManPageTest, OverviewNamesEveryCommandAndItsPage) {
  const ManPage overview = ManPages({Paint()})[0];
  EXPECT_EQ(overview.file, "varmor.1");
  EXPECT_NE(overview.text.find("\n.TP\n\\fBpaint\\fR\npaint a fence\n"), std::string::npos);
  EXPECT_NE(overview.text.find("\n.SH SEE ALSO\n.BR varmor\\-paint (1)\n"), std::string::npos);
}

TEST(ManPageTest, ExitStatusIsThatOfTheHelpPage) {
  for (const ManPage& page : ManPages({Paint()})) {
    EXPECT_NE(page.text.find("\n.SH EXIT STATUS\n0 clean; 1 "), std::string::npos) << page.file;
  }
}

}  // namespace
}  // namespace varmor
