"""Every output that shows a name shows it as text, whatever stands in it: a line an output."""

import ast
import io
import logging
import re
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import pandas
import pytest
from rich.console import Console

from keras_dlnotes import cli, reports, tasks, tuning
from keras_dlnotes.cli import application, console, fit, listing, report, search_display, tune
from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.printable import UNSAFE, get_logger, printable
from keras_dlnotes.interop.loading import LoadReport
from keras_dlnotes.tuning import Progress
from keras_dlnotes.tuning.folder import COMPLETED, FAILED, TrialOutcome
from keras_dlnotes.tuning.records import TrialRecord
from tests.hostile import NAMES

PRINTERS = (console, fit, listing, report, search_display, tune, application)


def costs(name):
    row = reports.Row(name, name, (None, 8), 3, 6, 4, (3,), (1,))
    return reports.Report(name, [row], row, [name], (8,))


def trial(name, status=COMPLETED, message=None):
    outcome = TrialOutcome(status, {}, {name: 0.5}, message=message)
    return TrialRecord(name, {name: name}, outcome, {0: [{name: 0.5}]})


def shown_by_search(name):
    with search_display.SearchDisplay(is_shown=True) as display:
        failed = trial("1", FAILED, f"Traceback\n  {name.replace(chr(10), ' ')}\n")
        display.show(Progress([failed], 3, name, 0.5, 9.0, [failed], 1))
        display.show(Progress([trial("0"), trial("1"), trial(name)], 3, name, 0.5, 9.0, [], 1))


class Written(str):
    """The path of a report that is there."""

    def is_file(self):
        return True


def result_of_fit(name):
    metrics = {name: 0.5, "baseline": {name: 0.1, "name": name}}
    task = replace(tasks.get("digits"), primary_metric=name)
    fit._print_result(
        SimpleNamespace(metrics=metrics, task=task, already_finished=False, report=Written(name))
    )


def result_of_tune(name, tmp_path):
    tune._print_results(
        SimpleNamespace(
            best_hyperparameters={name: name},
            objective=name,
            best_score=0.5,
            best_trial=name,
            failures=[name],
            remarks=[name],
            to_html=lambda path: None,
        ),
        tmp_path,
    )


def savings_of(name):
    columns = ("notes_ratio", "depthwise_ratio", "measured_depthwise_ratio")
    columns += ("spatial_ratio", "measured_spatial_ratio")
    row = {"layer": name, "kernel": name} | dict.fromkeys(columns, 0.5)
    return pandas.DataFrame([row], dtype=object)


def savings(name):
    report.console.print(report._table_of_savings(savings_of(name)))


def details_of_a_failure(name):
    tune.console.print(console.lines(f"Traceback\n{name.replace(chr(10), ' ')}"), soft_wrap=True)


def logged(name):
    handler = logging.StreamHandler(sys.stdout)
    for logger in (get_logger("keras_dlnotes.tuning"), get_logger("keras_dlnotes.tuning.outcomes")):
        logger.addHandler(handler)
        try:
            logger.warning("Trial %s", name.replace("\n", " ").replace("\t", " "))
        finally:
            logger.removeHandler(handler)


def tasks_listed(name, monkeypatch):
    task = SimpleNamespace(name=name, description=name, section=name, data=name)
    monkeypatch.setattr(listing, "start_tasks", lambda: SimpleNamespace(TASKS={name: task}))
    listing.list_tasks()


def data_listed(name, monkeypatch):
    card = SimpleNamespace(name=name, title=name, sizes={name: 3}, licence=name)
    monkeypatch.setattr("keras_dlnotes.data.names", lambda: [name])
    monkeypatch.setattr("keras_dlnotes.data.card", lambda _: card)
    listing.list_data()


TERMINAL = {
    "report": lambda name: report.console.print(costs(name)),
    "report on another console": lambda name: Console(file=sys.stdout, width=400).print(
        costs(name)
    ),
    "savings": savings,
    "result of fit": result_of_fit,
    "result of tune": result_of_tune,
    "details of a failure": details_of_a_failure,
    "log": logged,
    "tasks": tasks_listed,
    "data": data_listed,
}


@pytest.fixture
def plain_console(monkeypatch):
    """A console that writes to what is now the output stream, as wide as any line here."""
    found = console.PlainConsole(width=400, color_system=None)
    for module in PRINTERS:
        if hasattr(module, "console"):
            monkeypatch.setattr(module, "console", found)
    return found


@pytest.mark.parametrize("output", TERMINAL)
def test_terminal(output, plain_console, capsys, monkeypatch, tmp_path, request):
    for name in NAMES:
        if output in ("details of a failure", "log"):  # which keep the lines and tabs of a text
            name = name.replace("\n", " ").replace("\t", " ")
        function = TERMINAL[output]
        parameters = function.__code__.co_varnames[1 : function.__code__.co_argcount]
        function(name, **{key: request.getfixturevalue(key) for key in parameters})
        text = capsys.readouterr().out
        assert printable(name).strip() in text, name
        assert not UNSAFE.search(text.replace("\n", "")), name


@pytest.mark.parametrize("is_terminal", [True, False])
def test_display_of_a_search(is_terminal, monkeypatch):
    for name in NAMES:
        stream = io.StringIO()
        found = console.PlainConsole(
            file=stream, width=400, color_system=None, force_terminal=is_terminal
        )
        monkeypatch.setattr(search_display, "console", found)
        shown_by_search(name)
        text = stream.getvalue()
        assert printable(name) in text, name
        text = re.sub(r"\x1b\[[\d?]*[A-Zhl]", "", text)  # what moves the cursor
        assert not UNSAFE.search(re.sub(r"[\r\n]", "", text)), name


COMMANDS = (
    ["{name}"],
    ["--{name}"],
    ["fit", "digits", "--epochs", "{name}"],
    ["fit", "{name}"],
    ["fit", "digits", "--data", "{name}"],
    ["tune", "digits", "--tuner", "{name}"],
    ["report", "{name}"],
    ["report", "{name}.keras"],
    ["report", "os:{name}"],
    ["report", "keras.applications.{name}"],
    ["report", "keras.applications.VGG16", "--input-shape", "{name}"],
    ["report", "keras.applications.VGG16", "--html", "{name}/{name}.html"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_arguments_in_errors(command, monkeypatch, capsys):
    for name in NAMES:
        words = [word.format(name=name) if "{" in word else word for word in command]
        monkeypatch.setattr(sys, "argv", ["dlnotes", *words])
        with pytest.raises(SystemExit) as end:
            application.main()
        text = capsys.readouterr().err
        assert end.value.code in (2, 3), (name, text)
        assert text.startswith("dlnotes: ") and text.count("\n") == 1, name
        assert not UNSAFE.search(text.rstrip("\n")), name


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("kind", [ValueError, lambda text: application.CommandError(text, 3)])
def test_texts_of_errors(kind, debug, monkeypatch, capsys):
    def fails(**_):
        raise kind(name)

    monkeypatch.setattr(application, "app", fails)
    monkeypatch.setattr(application, "_debugging", lambda: debug)
    for name in NAMES:
        with pytest.raises(SystemExit):
            application.main()
        text = capsys.readouterr().err
        *trace, line = text.splitlines()
        assert line.startswith("dlnotes: ") and bool(trace) == debug
        assert line.endswith(printable(" ".join(name.split()))), name
        assert not UNSAFE.search(text.replace("\n", "").replace("\t", "")), name


def test_a_model_of_others(monkeypatch, capsys, tmp_path):
    """Keras takes every name without a slash, and some files hold no null."""
    names = [name for name in NAMES if "/" not in name and name not in ("\x00", "\udc80")]
    layers = [keras.layers.Dense(2, name=name) for name in names]
    model = keras.Sequential([keras.Input((2,)), *layers], name="\x1b[31m[red]`|<b>")
    model.save(tmp_path / "model.keras")
    words = ["report", str(tmp_path / "model.keras"), "--html", str(tmp_path / "page.html")]
    monkeypatch.setattr(sys, "argv", ["dlnotes", *words])
    monkeypatch.setattr("keras_dlnotes.reports.pages.page._source", lambda figure: "data:,")
    monkeypatch.setattr(report, "console", console.PlainConsole())
    with pytest.raises(SystemExit) as end:
        application.main()
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert not UNSAFE.search(text.replace("\n", ""))
    for name in (*names, model.name):
        assert printable(name) in text
    assert "<b>" not in (tmp_path / "page.html").read_text()


def misaligned(name):
    inputs = keras.Input((8, 1))
    first = keras.layers.Conv1D(1, 3)(inputs)
    second = keras.layers.Cropping1D((0, 2))(inputs)
    meeting = keras.layers.Add(name=name)([first, second])
    with pytest.warns(reports.MisalignedBranchesWarning) as told:
        reports.receptive_field(keras.Model(inputs, meeting))
    return str(told[0].message)


def warned(name):
    with console.plain_warnings():
        return warnings.formatwarning(name, UserWarning, "model.py", 1, "")


MESSAGES = {
    "warning": warned,
    "argument": lambda name: str(argument_error("x", name, 0, name)),
    "failed search": lambda name: str(tuning.SearchError(name, name)),
    "loaded tensors": lambda name: str(LoadReport(loaded={name: name}, skipped={name: name})),
    "tensors not loaded": lambda name: LoadReport(unexpected={name: name}).summary(),
    "branches": misaligned,
}


@pytest.mark.parametrize("message", MESSAGES)
def test_errors_and_warnings(message):
    for name in NAMES:
        if message == "branches" and "/" in name:  # which Keras refuses
            continue
        text = MESSAGES[message](name)
        assert printable(name, keep="\n\t") in text or printable(name) in text, name
        assert not UNSAFE.search(re.sub(r"[\n\t]", "", text)), name


def test_one_module_alone_writes_to_the_terminal():
    """What another one printed itself would not be escaped."""
    for path in Path(cli.__file__).parent.glob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "id")}
        writes = {"print", "Console", "Markdown", "Syntax"} & names
        # `__init__` says one sentence of its own, where what the console needs is missing
        assert not writes or path.stem in {"console", "__init__"}, path
