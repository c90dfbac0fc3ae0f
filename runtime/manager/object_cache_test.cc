#include "runtime/manager/object_cache.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

Json Object(const char* name_space, const char* uid, const char* version) {
  return {{"metadata",
           {{"namespace", name_space}, {"name", "p"}, {"uid", uid}, {"resourceVersion", version}}}};
}

TEST(ObjectCacheTest, OlderNewsIsNoNews) {
  ObjectCache cache;
  EXPECT_TRUE(cache.Set(Object("a", "1", "9")));
  EXPECT_TRUE(cache.Set(Object("a", "1", "10")));
  EXPECT_FALSE(cache.Set(Object("a", "1", "10")));
  EXPECT_FALSE(cache.Set(Object("a", "1", "9")));
  EXPECT_EQ((*cache.Get("a/p"))["metadata"]["resourceVersion"], "10");
}

TEST(ObjectCacheTest, AnswerToAWriteDoesNotBringBackWhatIsGone) {
  ObjectCache cache;
  cache.Set(Object("a", "1", "9"));
  EXPECT_TRUE(cache.Remove(Object("a", "1", "11")));
  EXPECT_FALSE(cache.Set(Object("a", "1", "10")));
  EXPECT_EQ(cache.Get("a/p"), nullptr);
  // Another object of the same name.
  EXPECT_TRUE(cache.Set(Object("a", "2", "12")));
  EXPECT_FALSE(cache.Remove(Object("a", "1", "11")));
  EXPECT_NE(cache.Get("a/p"), nullptr);
}

TEST(ObjectCacheTest, FindsNamesInAllNamespaces) {
  ObjectCache cache;
  cache.Set(Object("a", "1", "1"));
  cache.Set(Object("b", "2", "2"));
  EXPECT_EQ(cache.Named("p").size(), 2u);
  EXPECT_EQ(cache.Named("q").size(), 0u);
  cache.Remove(Object("a", "1", "1"));
  ASSERT_EQ(cache.Named("p").size(), 1u);
  EXPECT_EQ(ObjectKey(*cache.Named("p")[0]), "b/p");
  EXPECT_EQ(cache.All().size(), 1u);
}

}  // namespace
}  // namespace varmor
