#include "api/s3/document_begin.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::api::s3 {
namespace {

TEST(DocumentBegin, RootIsFoundBehindWhatMayStandBeforeIt) {
  for (const char* text :
       {"<Tagging>", "<Tagging/>", "<Tagging xmlns=\"x\">", "\n <Tagging\n>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Tagging>",
        "\xEF\xBB\xBF<?xml?><!-- <Other> --><?p <q>?><Tagging/>", "<s3:Tagging>"}) {
    const RootName root = find_root(text);
    EXPECT_EQ(root.found, Found::kYes) << text;
    EXPECT_EQ(root.name, "Tagging") << text;
  }
}

TEST(DocumentBegin, WhatIsNoDocumentHasNoRoot) {
  for (const char* text :
       {"PAR1", "{\"a\":1}", "<!DOCTYPE html><html>", "<>", "< a>", "</a>", "<a\"b>", "<a:>"}) {
    EXPECT_EQ(find_root(text).found, Found::kNo) << text;
  }
}

TEST(DocumentBegin, EachShorterTextNeedsMore) {
  const std::string text = "\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- c --><ListBucketResult>";
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(find_root(text.substr(0, size)).found, Found::kNeedsMore) << size;
}

TEST(DocumentBegin, NameOfAList) {
  const std::string text = "<ListBucketResult><Prefix>&lt;Name&gt;</Prefix><Name>bkt</Name>";
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(find_list_name(text.substr(0, size)).found, Found::kNeedsMore) << size;
  const ListName name = find_list_name(text + "<Contents>");
  ASSERT_EQ(name.found, Found::kYes);
  EXPECT_EQ(text.substr(name.begin, name.end - name.begin), "bkt");
}

TEST(DocumentBegin, NameAfterTheFirstEntryIsNone) {
  for (const char* entry : {"<Contents>", "<Version>", "<DeleteMarker>", "<CommonPrefixes>"}) {
    const std::string text = std::string("<R>") + entry + "<Name>x</Name>";
    EXPECT_EQ(find_list_name(text).found, Found::kNo) << entry;
  }
  EXPECT_EQ(find_list_name("<ListBucketResult></ListBucketResult>").found, Found::kNo);
}

}  // namespace
}  // namespace cachey::api::s3
