"""The alerts as shipped, on the series that the incidents left (`recorded/`, by record.py), and on made ones."""

import pathlib

import pytest

import incidents
from promtool import firing
from record import CALM, FOLDER, TROUBLE
from shortened import shipped_rules

_UP = {'cachey_build_info{job="cachey", instance="a"}': "1x200"}
_OF_A = 'job="cachey", instance="a"'
_BEFORE, _AFTER = 40, 100  # minutes

MADE = {  # alert: series with which it fires after 100 minutes; `_UP` is among them
    "CacheyLogsDropped": {f"cachey_log_dropped_lines_total{{{_OF_A}}}": "0x80 0+60x40",
                          f"cachey_access_log_dropped_lines_total{{{_OF_A}}}": "0x130"},
    "CacheyFileDescriptorsRunOut": {f"process_open_fds{{{_OF_A}}}": "100x80 95000x50", f"process_max_fds{{{_OF_A}}}": "100000x130"},
    "CacheyHitRatioFalls": {
        f'cachey_entry_requests_total{{{_OF_A}, kind="k", type="access"}}': "0+600x130",
        f'cachey_entry_requests_total{{{_OF_A}, kind="k", type="cache_hit"}}': "0+540x60 32400+60x70"},
    "CacheyS3RequestsFail": {
        f'cachey_s3api_requests_total{{{_OF_A}, operation="GetObject", outcome="OK"}}': "0+600x130",
        f'cachey_s3api_requests_total{{{_OF_A}, operation="GetObject", outcome="SlowDown"}}': "0x70 0+60x60"},
    "CacheyS3BucketsOut": {f"cachey_s3api_buckets_out{{{_OF_A}}}": "0x80 2x50"},
    "CacheyMissesRefused": {f"cachey_memory_refused_total{{{_OF_A}}}": "0x70 0+6x60"},
    "CacheyTurnsRefused": {f'cachey_admission_refusals_total{{{_OF_A}, cause="timeout", queue="turn"}}': "0x70 0+6x60"},
    "CacheyConnectionsRefused": {f"cachey_connections_refused_total{{{_OF_A}}}": "0x70 0+60x60",
                                 f"cachey_connections_displaced_total{{{_OF_A}}}": "0x130"},
    "CacheyDiskReadOnly": {f"cachey_disk_read_only{{{_OF_A}}}": "0x80 1x50"},
    "CacheyDiskUnusable": {f'cachey_disk_state{{{_OF_A}, state="unusable"}}': "0x80 1x50",
                           f"cachey_disk_online{{{_OF_A}}}": "1x80 0x50"},
    "CacheyDiskCorrupt": {f"cachey_disk_corrupt_blocks_total{{{_OF_A}}}": "0x90 1x40"},
    "CacheyDiskBadPlaces": {f"cachey_disk_journal_moves_total{{{_OF_A}}}": "0x90 1x40"},
    "CacheyDiskTooSlow": {f'cachey_disk_drops_total{{{_OF_A}, cause="queue_full"}}': "0x70 0+60x60"},
    "CacheyCredentialsFail": {
        f'cachey_finding{{{_OF_A}, code="credentials_fail"}}': "0x80 1x50"},
    "CacheyFirstByteSlow": {
        f'cachey_first_byte_seconds_bucket{{{_OF_A}, tier="memory", le="0.1"}}': "0+600x70 42000+0x60",
        f'cachey_first_byte_seconds_bucket{{{_OF_A}, tier="memory", le="0.5"}}': "0+600x130",
        f'cachey_first_byte_seconds_bucket{{{_OF_A}, tier="memory", le="+Inf"}}': "0+600x130",
        f'cachey_first_byte_seconds_count{{{_OF_A}, tier="memory"}}': "0+600x130"},
    "CacheyBucketSlow": {
        f'cachey_bucket_first_byte_seconds_bucket{{{_OF_A}, bucket="b", le="0.1"}}': "0+60x90 5400+0x40",
        f'cachey_bucket_first_byte_seconds_bucket{{{_OF_A}, bucket="b", le="2.5"}}': "0+60x130",
        f'cachey_bucket_first_byte_seconds_bucket{{{_OF_A}, bucket="b", le="+Inf"}}': "0+60x130",
        f'cachey_bucket_first_byte_seconds_count{{{_OF_A}, bucket="b"}}': "0+60x130"},
    "CacheyDiskFileDeleted": {
        f'cachey_finding{{{_OF_A}, code="disk_file_deleted"}}': "0x90 1x40"},
    "CacheyDiskSlow": {
        f"cachey_disk_slow{{{_OF_A}}}": "0x80 1x50"},
    "CacheyThrashing": {
        f'cachey_ghost_hits_total{{{_OF_A}, tier="memory", more="1"}}': "0x70 0+300x60",
        f'cachey_entry_requests_total{{{_OF_A}, kind="k", type="access"}}': "0+600x130",
        f'cachey_entry_requests_total{{{_OF_A}, kind="k", type="cache_hit"}}': "0+240x130"},
    "CacheyPinsOverLimit": {
        f'cachey_pin_over_limit_pages{{{_OF_A}, tier="memory"}}': "0x70 5x60"},
    "CacheyBucketRefuses": {
        f'cachey_finding{{{_OF_A}, code="bucket_refuses"}}': "0x80 1x50"},
    "CacheyReloadFailed": {
        f'cachey_finding{{{_OF_A}, code="reload_failed"}}': "0x80 1x50"},
    "CacheyCertificateExpires": {
        f"cachey_tls_certificate_not_after_seconds{{{_OF_A}}}": "1213200x130"},
    "CacheyClientsLimited": {
        f'cachey_client_limited_total{{{_OF_A}, limit="misses"}}': "0x70 0+60x60"},
    "CacheyInstanceDown": {'cachey_build_info{job="cachey", instance="b"}': "1x80 _x50"},
    "CacheyDown": {'cachey_build_info{job="cachey", instance="a"}': "1x60 _x100", "other": "1x130"},
}


def recorded(name):
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return {series + "}": values for series, values in (line.split("} ", 1) for line in lines)}


@pytest.fixture(scope="module")
def fired(tmp_path_factory):
    """(incident or alert, minute) -> the alerts that fire then."""
    cases = {incident.name: (recorded(incident.name), [CALM, CALM + TROUBLE]) for incident in incidents.ALL}
    cases |= {alert: (_UP | series, [_BEFORE, _AFTER]) for alert, series in MADE.items()}
    return firing(tmp_path_factory.mktemp("rules"), cases)


@pytest.mark.parametrize("incident", incidents.ALL, ids=lambda incident: incident.name)
def test_a_recorded_incident_raises_its_alerts_and_no_other(fired, incident):
    assert fired[incident.name, CALM] == set(), "in the calm"
    found = fired[incident.name, CALM + TROUBLE]
    assert set(incident.alerts) <= found <= set(incident.alerts) | set(incident.also_alerts)


@pytest.mark.parametrize("alert", MADE)
def test_an_alert_fires_alone_on_made_series(fired, alert):
    assert fired[alert, _BEFORE] == set() and fired[alert, _AFTER] == {alert}


def test_each_alert_fires_somewhere():
    by_incident = {alert for incident in incidents.ALL for alert in (*incident.alerts, *incident.also_alerts)}
    assert {rule["alert"] for rule in shipped_rules()} == by_incident | set(MADE)


def test_a_recording_is_kept_of_each_incident():
    assert {path.stem for path in pathlib.Path(FOLDER).glob("*.txt")} == {incident.name for incident in incidents.ALL}
