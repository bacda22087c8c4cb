#include "api/ui/accepts_gzip.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace cachey::api {
namespace {

bool gzip_for(std::string_view value) {
  const std::array<net::Field, 2> fields{{{"accept", "gzip"}, {"accept-encoding", value}}};
  return accepts_gzip(fields);
}

TEST(AcceptsGzip, TakesTheNameAnywhereInTheList) {
  for (const char* value : {"gzip", "GZIP", "br, gzip", "gzip;q=0.1, identity", "x-gzip", "*",
                            " deflate ,gzip ; q=1.000", "gzip;level=9;q=0.5", "identity;q=0,*"}) {
    EXPECT_TRUE(gzip_for(value)) << value;
  }
}

TEST(AcceptsGzip, NothingElseIsConsent) {
  for (const char* value : {"", "br", "gzip;q=0", "gzip;q=0.000", "GZIP;Q=0", "*;q=0", "gzipped",
                            "*, gzip;q=0", "gzip;q=", "gzip;q=x", "gzip;q=-1", ",;,"}) {
    EXPECT_FALSE(gzip_for(value)) << value;
  }
  EXPECT_FALSE(accepts_gzip({}));
}

TEST(AcceptsGzip, LinesOfTheFieldAreOneList) {
  const std::array<net::Field, 2> fields{{{"accept-encoding", "br"}, {"accept-encoding", "gzip"}}};
  EXPECT_TRUE(accepts_gzip(fields));
}

}  // namespace
}  // namespace cachey::api
