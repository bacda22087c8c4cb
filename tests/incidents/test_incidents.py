"""What goes wrong is said within 15 s, by its alert, its finding and its log line, and by those of no other incident."""

import pytest

import incidents
import stage


@pytest.mark.alone
def test_each_incident_is_told_and_no_other(tmp_path):
    assert stage.Stage(tmp_path, incidents.ALL).play() == []
