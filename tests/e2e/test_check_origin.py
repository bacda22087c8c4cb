"""--check-origin: what works, and a hint for what does not."""

import pytest

from credential_services import check, services, store  # noqa: F401  (fixtures)
from origin_model import Behaviour


def lines_of(done):
    return {line.split(None, 1)[0]: line.split(None, 1)[1] for line in done.stdout.splitlines()}


def test_check_origin_says_what_works(services, store):
    done = check({"AWS_ENDPOINT_URL_S3": store.endpoint, "AWS_REGION": "us-east-1"} | services.container_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    said = lines_of(done)
    assert "ASIA...0001" in said["credentials"] and "container http://" in said["credentials"] and "until" in said["credentials"]
    assert "us-east-1" in said["region"] and "AWS_REGION" in said["region"]
    assert store.endpoint + "/bucket/key" in said["endpoint"] and "in the path" in said["endpoint"]
    services.region = "us-east-1"
    of_the_instance = check({"AWS_ENDPOINT_URL_S3": store.endpoint} | services.container_environment() | services.instance_environment())
    assert lines_of(of_the_instance)["region"] == '"us-east-1", from the instance\'s metadata'
    assert said["result"] == "ok" and "hidden" not in done.stdout + done.stderr


@pytest.mark.parametrize("code,word", [("AccessDenied", "s3:GetObject"), ("NoSuchBucket", "no such bucket"), ("NoSuchKey", "no object"),
                                       ("SignatureDoesNotMatch", "secret access key is wrong"), ("RequestTimeTooSkewed", "clock"),
                                       ("InvalidAccessKeyId", "does not know")])
def test_check_origin_has_a_hint_for_answers(services, store, code, word):
    store.behave("bucket", "key", Behaviour(code=code, status=403 if code != "NoSuchKey" else 404))
    done = check({"AWS_ENDPOINT_URL_S3": store.endpoint, "AWS_REGION": "us-east-1"} | services.container_environment())
    assert done.returncode == 1
    assert word in lines_of(done)["hint"], done.stdout


@pytest.mark.parametrize("settings,word", [
    ({}, "AWS_ACCESS_KEY_ID"),
    ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}, "AWS_REGION"),
    ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
      "AWS_MAX_ATTEMPTS": "1"}, "listens"),
    ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://name.invalid",
      "AWS_MAX_ATTEMPTS": "1"}, "host name"),
    ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "no region!", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
     "eu-west-1"),
])
def test_check_origin_has_a_hint_for_settings(settings, word):
    done = check(settings)
    assert done.returncode == 1
    assert word in lines_of(done)["hint"], done.stdout


def test_check_origin_has_a_hint_for_a_store_without_tls(store):
    done = check({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "r", "AWS_MAX_ATTEMPTS": "1",
                  "AWS_ENDPOINT_URL": store.endpoint.replace("http:", "https:")})
    assert done.returncode == 1
    assert "speak TLS" in lines_of(done)["hint"], done.stdout


def test_check_origin_of_no_object_is_exit_2():
    done = check({}, "bucket-alone")
    assert done.returncode == 2 and "--check-origin" in done.stderr


@pytest.mark.parametrize("status,code", [(404, "NoSuchBucket"), (404, "NoSuchKey"), (403, "AccessDenied"), (400, "InvalidRequest")])
def test_check_origin_names_path_style_for_a_store_of_ones_own(services, store, status, code):
    """The store is reached by a name, so the bucket goes into the host name."""
    own = store.endpoint.replace("127.0.0.1", "localhost")
    settings = {"AWS_ENDPOINT_URL_S3": own, "AWS_REGION": "us-east-1"} | services.container_environment()
    store.usual = Behaviour(status=status, code=code)
    said = lines_of(check(settings))
    assert "in the host name" in said["endpoint"] and "--s3-force-path-style" in said["hint"], said


def test_check_origin_takes_an_empty_object_for_ok(services, store):
    """Also from a store that answers 416 without a size, as Ceph does."""
    store.put("bucket", "empty", size=0)
    settings = {"AWS_ENDPOINT_URL_S3": store.endpoint, "AWS_REGION": "us-east-1"} | services.container_environment()
    store.behave("bucket", "key", Behaviour(status=416, code="InvalidRange"))
    for name in ("s3://bucket/empty", "bucket/key"):
        done = check(settings, name)
        assert done.returncode == 0 and lines_of(done)["result"] == "ok", done.stdout
