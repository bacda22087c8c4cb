#include "api/s3/bucket_list.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::api::s3 {
namespace {

constexpr std::string_view kDocument =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListAllMyBucketsResult "
    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>o&amp;1</ID><DisplayName>n"
    "</DisplayName></Owner><Buckets><Bucket><Name>a</Name><CreationDate>2026-01-02T03:04:05.000Z"
    "</CreationDate></Bucket><Bucket><CreationDate>d</CreationDate><Name>c</Name></Bucket>"
    "</Buckets></ListAllMyBucketsResult>";

std::string names(const BucketList& list) {
  std::string text;
  for (const BucketList::Bucket& bucket : list.buckets)
    text += bucket.name + "@" + bucket.creation_date + " ";
  return text;
}

TEST(BucketList, ReadsAndWrites) {
  const auto list = BucketList::parse(kDocument);
  ASSERT_TRUE(list);
  EXPECT_EQ(names(*list), "a@2026-01-02T03:04:05.000Z c@d ");
  EXPECT_EQ(list->owner_id, "o&1");
  const auto again = BucketList::parse(list->write());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->write(), list->write());
  EXPECT_TRUE(list->write().contains("<ID>o&amp;1</ID><DisplayName>n</DisplayName>"));
}

TEST(BucketList, KeepsWhatIsVisible) {
  auto list = *BucketList::parse(kDocument);
  list.keep_only([](std::string_view name) { return name == "c"; });
  EXPECT_EQ(names(list), "c@d ");
}

TEST(BucketList, AddsAliasesInOrder) {
  auto list = *BucketList::parse(kDocument);
  list.add("b", "a");
  list.add("d", "none");
  list.add("c", "a");
  EXPECT_EQ(names(list),
            "a@2026-01-02T03:04:05.000Z b@2026-01-02T03:04:05.000Z c@d "
            "d@1970-01-01T00:00:00.000Z ");
}

TEST(BucketList, KeepsTheNextPage) {
  const auto list = BucketList::parse(
      "<ListAllMyBucketsResult><Buckets/><ContinuationToken>t</ContinuationToken><Prefix>p</Prefix>"
      "</ListAllMyBucketsResult>");
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->write().contains(
      "<Buckets></Buckets><ContinuationToken>t</ContinuationToken><Prefix>p</Prefix>"));
}

TEST(BucketList, OtherDocumentsAreNone) {
  for (const char* text : {"", "<html/>", "<ListBucketResult/>", "<ListAllMyBucketsResult>"})
    EXPECT_FALSE(BucketList::parse(text)) << text;
  EXPECT_TRUE(BucketList::parse("<ListAllMyBucketsResult/>"));
}

TEST(BucketList, DeepNestingIsRead) {
  std::string text = "<ListAllMyBucketsResult>";
  for (int i = 0; i < 300'000; ++i) text += "<a>";
  EXPECT_FALSE(BucketList::parse(text));
  for (int i = 0; i < 300'000; ++i) text += "</a>";
  EXPECT_TRUE(BucketList::parse(text + "</ListAllMyBucketsResult>"));
}

}  // namespace
}  // namespace cachey::api::s3
