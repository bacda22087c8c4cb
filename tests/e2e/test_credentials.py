"""Credentials: each provider, refresh, hanging services, one call for many requests, no secrets in logs."""

import json
import time

import pytest

import sigv4_check
from credential_services import check, services, store  # noqa: F401  (fixtures)
from expect import expect_206, expect_error
from harness import SLOW, Task, limit, wait_until
from origin_model import Behaviour
from scripted_origin import ScriptedOrigin

BASE = sigv4_check.Credentials("AKIDBASEFORTESTS0000", "hidden-base-secret")


@pytest.fixture
def server(start_server, store):
    """Starts servers without static keys in front of `store`; their logs must not contain a secret."""
    started = []

    def start(environment, *arguments):
        settings = {"AWS_ENDPOINT_URL_S3": store.endpoint, "AWS_REGION": "us-east-1"} | environment
        started.append(start_server("--origin", "s3", "--log-level", "debug", *arguments, environment=settings))
        return started[-1]

    yield start
    for each in started:
        assert "hidden" not in each.log()
        assert "ASIAEXAMPLE" not in each.log()


def profile(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    return {"AWS_CONFIG_FILE": str(path)}


def fetch_uncached(server, store, number):
    stored = store.put("bucket", f"key-{number}", size=100)
    return stored, server.fetch("bucket", f"key-{number}", 0, 9)


def expect_unusable(running, answer, *words):
    """The client is told nothing of the server's credentials; the log has `words`."""
    expect_error(answer, 502)
    assert answer.text.strip() == "the server has no usable credentials for the store; the server's log says why"
    for word in words:
        running.expect_log(word)


def expect_works(server, store):
    expect_206(server.fetch("bucket", "key", 0, 9), store.stored("bucket", "key"), 0, 9, "bucket", hit=None)
    assert store.refused == []


def test_cred_imds(services, store, server):
    running = server(services.instance_environment())
    expect_works(running, store)
    assert [what for what, _, _ in services.asked] == ["token", "role", "keys"]
    running.expect_log('source="instance role \\"test-role\\""', "id=ASIA...0001")


def test_cred_imds_that_hangs_delays_neither_the_start_nor_much_the_first_request(services, server):
    services.hang = {"token"}
    started = time.monotonic()
    running = server(services.instance_environment())
    answer = running.fetch("bucket", "key", 0, 9)
    assert time.monotonic() - started < limit(4)
    expect_unusable(running, answer, "instance: the instance's metadata at")
    services.hang = set()
    wait_until(lambda: running.fetch("bucket", "key", 0, 9).status == 206, 10, "credentials")


@pytest.mark.parametrize("what,status,word", [("token", 403, "disabled"), ("role", 404, "no role")])
def test_cred_imds_failures_say_why(services, server, what, status, word):
    services.fail = {what: status}
    running = server(services.instance_environment())
    expect_unusable(running, running.fetch("bucket", "key", 0, 9), word)


def test_cred_ecs(services, store, server, tmp_path):
    token = tmp_path / "token"
    token.write_text("hidden-authorization\n")
    services.authorization = "hidden-authorization"
    running = server(services.container_environment() | {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)})
    expect_works(running, store)
    assert services.count("container") == 1


def test_cred_ecs_refuses_to_send_a_token_to_anybody(server):
    running = server({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://10.0.0.1/x"})
    expect_unusable(running, running.fetch("bucket", "key", 0, 9), "only asked over https")


def test_cred_webid(services, store, server, tmp_path):
    token = tmp_path / "token"
    token.write_text("hidden-jwt\n")
    running = server({"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
                      "AWS_ROLE_SESSION_NAME": "me", "AWS_ENDPOINT_URL_STS": services.url})
    expect_works(running, store)
    assert services.forms() == [{"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "me",
                                 "RoleArn": "arn:aws:iam::1:role/r", "WebIdentityToken": "hidden-jwt"}]


def test_cred_assume_role(services, store, server, tmp_path):
    services.base_keys = BASE
    config = ("[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\nexternal_id = x y&z\n"
              f"[profile base]\naws_access_key_id = {BASE.access_key}\naws_secret_access_key = {BASE.secret_key}\n")
    running = server(profile(tmp_path, config) | {"AWS_ENDPOINT_URL_STS": services.url})
    expect_works(running, store)
    form, = services.forms()
    assert form["Action"] == "AssumeRole" and form["ExternalId"] == "x y&z"


def test_cred_assume_role_refused(services, server, tmp_path):
    services.fail = {"sts": 403}
    config = "[default]\nrole_arn = r\ncredential_source = Environment\n"
    settings = profile(tmp_path, config) | {"AWS_ENDPOINT_URL_STS": services.url}
    running = server(settings)
    expect_unusable(running, running.fetch("bucket", "key", 0, 9), "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set")
    base = f"[profile base]\naws_access_key_id = {BASE.access_key}\naws_secret_access_key = {BASE.secret_key}\n"
    settings = profile(tmp_path, "[default]\nrole_arn = r\nsource_profile = base\n" + base)
    running = server(settings | {"AWS_ENDPOINT_URL_STS": services.url})
    expect_unusable(running, running.fetch("bucket", "key", 0, 9), "AccessDenied", "REQUEST-1")


def test_cred_process(services, store, server, tmp_path):
    output = tmp_path / "keys.json"
    output.write_text(json.dumps({"Version": 1, "AccessKeyId": services.keys.access_key,
                                  "SecretAccessKey": services.keys.secret_key, "SessionToken": services.keys.session_token}))
    running = server(profile(tmp_path, f"[default]\ncredential_process = cat {output}\n"))
    expect_works(running, store)


@pytest.mark.parametrize("command,word", [("sleep 60", "did not end in time"), ("echo hidden; exit 3", "exit code 3"),
                                          ("echo hidden", "no JSON object")])
def test_cred_process_failures(server, tmp_path, command, word):
    running = server(profile(tmp_path, f"[default]\ncredential_process = {command}\n"), "--s3-credentials-timeout", "1.5")
    expect_unusable(running, running.fetch("bucket", "key", 0, 9))
    running.expect_log(word)
    assert "hidden" not in running.log()


def test_cred_process_outlives_the_requests_that_wait(services, store, server, tmp_path):
    """A helper that is slower than the requests' patience runs once, and its keys are used."""
    said = json.dumps({"Version": 1, "AccessKeyId": services.keys.access_key, "SecretAccessKey": services.keys.secret_key,
                       "SessionToken": services.keys.session_token})
    helper = tmp_path / "helper.sh"
    helper.write_text(f"echo run >>{tmp_path}/runs\nsleep {3 * SLOW}\nprintf '%s' '{said}'\n")
    running = server(profile(tmp_path, f"[default]\ncredential_process = sh {helper}\n"), "--s3-first-byte-timeout", "0.5")
    early = running.fetch("bucket", "key", 0, 9)
    expect_error(early, 503)
    assert early.header("retry-after") and str(tmp_path) not in early.text
    wait_until(lambda: running.fetch("bucket", "key", 0, 9).status == 206, 20, "keys")
    assert (tmp_path / "runs").read_text().count("run") == 1


@pytest.mark.parametrize("what", ["container", "role"])
@pytest.mark.parametrize("status", [408, 429, 500, 529])
def test_cred_a_busy_service_is_asked_again_within_the_search(services, store, server, what, status):
    services.fail_once = {what: [status] * 3}
    running = server(services.container_environment() if what == "container" else services.instance_environment())
    expect_works(running, store)
    assert services.count(what) == 4


def write_keys(path, keys):
    """By a rename, so that no reader sees half a file."""
    new = path.with_suffix(".new")
    token = f"aws_session_token = {keys.session_token}\n" if keys.session_token else ""
    new.write_text(f"[default]\naws_access_key_id = {keys.access_key}\naws_secret_access_key = {keys.secret_key}\n{token}")
    new.rename(path)


@pytest.mark.parametrize("access_key", ["AKIDBASEFORTESTS0000", "AKIDOTHERFORTESTS000"])
def test_cred_rotated_keys_are_found_by_the_first_refusal(services, store, server, tmp_path, access_key):
    """The file has other keys (or another secret of the same key): no request fails."""
    path = tmp_path / "credentials"
    store.credentials = BASE
    write_keys(path, BASE)
    running = server({"AWS_SHARED_CREDENTIALS_FILE": str(path)})
    expect_works(running, store)
    store.credentials = sigv4_check.Credentials(access_key, "hidden-rotated-secret")
    write_keys(path, store.credentials)
    for number in range(3):
        stored, answer = fetch_uncached(running, store, number)
        expect_206(answer, stored, 0, 9, "bucket", hit=None)
    assert len(store.refused) == 1


def test_cred_refused_keys_without_others_are_our_trouble(services, store, server, tmp_path):
    """Asked of the store once a request, looked for once in 10 s, 502 to clients, and the bucket is well again at once."""
    path = tmp_path / "credentials"
    wrong = sigv4_check.Credentials("AKIDWRONGFORTESTS000", "hidden-wrong-secret")
    write_keys(path, wrong)
    store.credentials = BASE
    running = server({"AWS_SHARED_CREDENTIALS_FILE": str(path)})
    for number in range(8):
        store.put("bucket", f"refused-{number}", size=10)
        answer = running.fetch("bucket", f"refused-{number}", 0, 9)
        expect_error(answer, 502)
        assert answer.text.strip() == "the store does not accept how the server signs; the server's log says why"
    assert len(store.refused) == 8
    running.expect_log("InvalidAccessKeyId")
    write_keys(path, BASE)

    def works():
        time.sleep(0.2)
        return running.fetch("bucket", "key", 0, 9).status == 206

    wait_until(works, 15 * SLOW, "the next search")


@pytest.mark.parametrize("status", [400, 403])
def test_cred_a_refused_object_is_the_stores_word(services, store, server, status):
    """403 is for the object: no search for other keys."""
    running = server(services.container_environment())
    store.put("bucket", "private", size=10)
    store.behave("bucket", "private", Behaviour(status=status, code="AccessDenied"))
    expect_error(running.fetch("bucket", "private", 0, 9), 403)
    assert services.count("container") == 1


@pytest.mark.parametrize("variable,end", [("AWS_SECRET_ACCESS_KEY", "\r\n"), ("AWS_ACCESS_KEY_ID", "\t"), ("AWS_SESSION_TOKEN", "\n\n"),
                                          ("AWS_REGION", " \n")])
def test_cred_white_space_around_settings_is_dropped(services, store, server, variable, end):
    settings = {"AWS_ACCESS_KEY_ID": services.keys.access_key, "AWS_SECRET_ACCESS_KEY": services.keys.secret_key,
                "AWS_SESSION_TOKEN": services.keys.session_token, "AWS_REGION": "us-east-1"}
    settings[variable] += end
    running = server(settings)
    expect_works(running, store)
    if variable != "AWS_REGION":
        running.expect_log("blanks or line ends around the credentials are dropped")
        done = check({"AWS_ENDPOINT_URL_S3": store.endpoint} | settings)
        assert done.returncode == 0 and "blanks or line ends" in done.stdout


def test_cred_refresh_before_they_expire(services, store, server):
    """Keys that live 12 s are refreshed after 6 s; the old keys serve meanwhile."""
    services.seconds = 12
    running = server(services.instance_environment())
    expect_works(running, store)
    # The store accepts the old keys until told otherwise; the test waits for the fetch of new keys.
    services.seconds = 3600
    numbers = iter(range(100_000))

    def refreshed():
        stored, answer = fetch_uncached(running, store, next(numbers))
        expect_206(answer, stored, 0, 9, "bucket", hit=None)
        return services.count("keys") >= 2

    wait_until(refreshed, 15, "a second search")
    assert services.count("token") == 1, "the metadata's token is kept"


def test_cred_refresh_failing_keeps_the_old_ones(services, store, server):
    services.seconds = 40
    running = server(services.container_environment())
    expect_works(running, store)
    services.fail = {"container": 500}
    asked = services.count("container")
    assert asked == 1
    stored, answer = fetch_uncached(running, store, 1)
    expect_206(answer, stored, 0, 9, "bucket", hit=None)


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidToken", "TokenRefreshRequired", "UnrecognizedClientException"])
def test_cred_refresh_when_the_store_takes_them_no_more(services, store, server, code):
    """The server fetches new keys at once and repeats the request with them: the client notices nothing."""
    running = server(services.container_environment())
    expect_works(running, store)
    assert services.count("container") == 1
    store.put("bucket", "other", size=100)
    store.behave("bucket", "other", Behaviour(times=1, status=400, code=code))
    store.credentials = services.new_keys()
    assert running.fetch("bucket", "other", 0, 9, headers=[("C0-Config", "ma=1")]).status == 206
    assert len(store.requests("bucket", "other")) == 2 and services.count("container") == 2


def test_cred_refresh_is_not_tried_again_and_again(services, store, server):
    """The search brings the same keys: no request is sent twice."""
    running = server(services.container_environment())
    store.behave("bucket", "key", Behaviour(status=400, code="ExpiredToken"))
    for _ in range(10):
        assert running.fetch("bucket", "key", 0, 9).status == 502
    assert services.count("container") <= 2 and len(store.requests("bucket", "key")) == 10


def test_cred_anonymous_requests_are_not_signed(start_server):
    with ScriptedOrigin() as public:
        public.put("bucket", "key", size=100)
        settings = {"AWS_ENDPOINT_URL_S3": public.endpoint, "AWS_REGION": "us-east-1"}
        running = start_server("--origin", "s3", "--s3-anonymous", environment=settings)
        running.fetch("bucket", "key", 0, 9)
        assert public.requests()[0].header("authorization") is None


def test_cred_refresh_single_flight(services, store, server):
    """A hundred requests without credentials cause one call."""
    services.delay = 0.3 * SLOW
    running = server(services.container_environment(), "--threads", "4")
    tasks = [Task(running.fetch, "bucket", f"none-{number}", 0, 9) for number in range(100)]
    assert {task.result().status for task in tasks} == {404}
    assert services.count("container") == 1


def test_cred_failures_are_remembered_for_a_second(services, server):
    services.fail = {"container": 403}
    running = server(services.container_environment())
    started = time.monotonic()
    for number in range(50):
        expect_unusable(running, running.fetch("bucket", f"key-{number}", 0, 9))
    assert services.count("container") <= 2 + (time.monotonic() - started)


def test_cred_refresh_of_expired_ones_is_single_flight(services, store, server):
    """The same after the old keys expired."""
    services.seconds = 4
    running = server(services.container_environment(), "--threads", "4")
    expect_works(running, store)
    expired = time.time() + services.seconds
    services.seconds = 3600
    services.delay = 0.3 * SLOW
    wait_until(lambda: time.time() > expired, 10, "the end of their life")
    tasks = [Task(running.fetch, "bucket", f"none-{number}", 0, 9) for number in range(100)]
    assert {task.result().status for task in tasks} == {404}
    assert services.count("container") == 2


def test_the_wait_for_credentials_ends_with_the_operation(services, server):
    services.hang = {"container"}
    running = server(services.container_environment())
    for limits in ("ot=300", "oat=100 ma=2 ib=1"):
        started = time.monotonic()
        expect_error(running.fetch("bucket", "key", 0, 9, headers=[("C0-Config", limits)]), 504)
        assert time.monotonic() - started < limit(3)


def region_settings(services):
    return {"AWS_REGION": "", "AWS_ACCESS_KEY_ID": services.keys.access_key, "AWS_SECRET_ACCESS_KEY": services.keys.secret_key,
            "AWS_SESSION_TOKEN": services.keys.session_token} | services.instance_environment()


def test_region_of_the_instance(services, server):
    services.region = "us-east-1"  # the only region that the store accepts
    with ScriptedOrigin(services.keys) as store:
        store.put("bucket", "key", size=1000)
        running = server(region_settings(services) | {"AWS_ENDPOINT_URL_S3": store.endpoint})
        tasks = [Task(running.fetch, "bucket", "key", 0, 9 + number) for number in range(20)]
        assert {task.result().status for task in tasks} == {206}
        assert "/us-east-1/s3/aws4_request" in store.requests()[0].header("authorization")
    assert [what for what, _, _ in services.asked] == ["token", "region"]


def test_region_of_an_instance_that_hangs_delays_neither_the_start_nor_much_the_first_request(services, server):
    services.hang = {"token"}
    running = server(region_settings(services))
    started = time.monotonic()
    expect_error(running.fetch("bucket", "key", 0, 9), 502, "no region for the store")
    running.expect_log("set AWS_REGION", "the instance's metadata at")
    assert time.monotonic() - started < limit(3)
    assert services.count("token") == 1


def test_region_is_not_asked_of_an_instance_where_that_is_switched_off(services, server):
    running = server(region_settings(services) | {"AWS_EC2_METADATA_DISABLED": "true"})
    expect_error(running.fetch("bucket", "key", 0, 9), 502, "no region for the store")
    running.expect_log("AWS_EC2_METADATA_DISABLED")
    assert services.asked == []
