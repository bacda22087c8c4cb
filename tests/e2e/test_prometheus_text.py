"""The reader of /metrics accepts exactly the format; other tests rely on it."""

import math

import pytest

import prometheus_text

GOOD = r'''# HELP a_total What it counts, with a \\ backslash
# TYPE a_total counter
a_total{kind="x y",status="failed:init:\"q\" \\ \n"} 3
a_total{kind="z"} 4.5e+06

# TYPE b histogram
b_bucket{le="1"} 1
b_bucket{le="+Inf"} 2
b_sum 3.25
b_count 2
# TYPE c gauge
c NaN 1700000000000
'''


def test_what_the_format_allows():
    families = prometheus_text.parse(GOOD)
    assert prometheus_text.value(families, "a_total") == 4_500_003
    assert prometheus_text.value(families, "a_total", kind="x y", status='failed:init:"q" \\ \n') == 3
    assert prometheus_text.value(families, "b_count") == 2 and prometheus_text.value(families, "none") == 0
    assert math.isnan(prometheus_text.value(families, "c"))


@pytest.mark.parametrize("text", [
    "a 1", "a 1\n", "# TYPE a counter\na one\n", "# TYPE a counter\na{k=v} 1\n", '# TYPE a counter\na{k="v"\n',
    '# TYPE a counter\na{k="1",k="2"} 1\n', "# TYPE a counter\na 1\na 2\n", "# TYPE a counter\na -1\n", "# TYPE a colour\na 1\n",
    "# TYPE a counter\na 1\n# HELP a late\n", "# TYPE a counter\n# TYPE a counter\na 1\n", "# HELP a x\n# HELP a y\na 1\n",
    '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\n', '# TYPE h histogram\nh_sum 1\nh_count 1\n',
    '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_count 1\n', "# TYPE h histogram\nh_bucket 1\nh_sum 1\nh_count 1\n",
    '# TYPE a counter\na{k="x"y"} 1\n', "# TYPE a counter\r\na 1\r\n", "# TYPE a counter\na 1\n# TYPE b gauge\nb 1\na{k=\"v\"} 1\n",
    '# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n',
    '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 1\nh_count 1\n',
])
def test_what_it_does_not(text):
    with pytest.raises(AssertionError):
        prometheus_text.parse(text)
