"""Knobs from the environment, and for a block."""

from __future__ import annotations

import threading

import pytest

from graphc.config import Config, config, current
from graphc.errors import OptionError


def test_the_environment_is_read() -> None:
    given = {"GRAPHC_VERIFY": "1", "GRAPHC_DEBUG": "2", "GRAPHC_THREADS": "3", "PATH": "/"}
    assert Config.from_environment(given) == Config(verify=True, debug=2, threads=3)
    assert Config.from_environment({}) == Config(verify=False, debug=0, threads=None)
    assert Config.from_environment({"GRAPHC_VERIFY": "0", "GRAPHC_DEBUG": ""}) == Config()


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(OptionError, match="GRAPHC_DEBUG"):
        Config.from_environment({"GRAPHC_DEBUG": "loud"})


def test_a_block_turns_knobs_and_turns_them_back() -> None:
    before = current()
    with config(verify=True, debug=1), config(debug=2) as inner:
        assert (inner.verify, inner.debug) == (True, 2)
        assert current() is inner
    assert current() == before


def test_an_exception_turns_them_back_too() -> None:
    before = current()
    with pytest.raises(KeyError), config(debug=2):
        raise KeyError
    assert current() == before


def test_an_unknown_knob_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(OptionError, match="verify"), config(verfy=True):
        pass


def test_other_threads_keep_theirs() -> None:
    seen = []
    with config(debug=2):
        thread = threading.Thread(target=lambda: seen.append(current().debug))
        thread.start()
        thread.join()
    assert seen == [Config().debug]
