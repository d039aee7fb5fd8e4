"""Every file that shows a name shows it as text: pages, Markdown, CSV and TensorBoard's logs."""

from html.parser import HTMLParser

import pandas
import pytest
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata

from keras_dlnotes import reports
from keras_dlnotes.common.printable import UNSAFE, printable
from keras_dlnotes.reports.costs.cost_page import cost_page
from keras_dlnotes.tuning.folder import TrialOutcome
from keras_dlnotes.tuning.hparams import log_search, log_trial
from keras_dlnotes.tuning.records import write_table
from tests.hostile import NAMES
from tests.test_hostile_names import costs, savings_of, trial


def whole_page(name):
    page = reports.Page(name, name).add_heading(name).add_text(name).add_facts({name: name})
    page.add_table([{name: name, "other": 1}], name).add_passages({name: name}, name)
    return page.add_figure(Figure((1, 1)), name, f"{name}.")


def page_of_costs(name):
    report = costs(name)
    shape, savings = report.field_shape, savings_of(name)
    return cost_page(report.title, report.rows, report.total, report.remark, shape, savings)


def page_of_a_search(name):
    frame = pandas.DataFrame(
        {"trial": [name, "b"], "status": name, "execution": 0, "epoch": 1, "val_loss": 0.5}
    )
    frame["status"] = ["COMPLETED", name]
    frame[f"{name}."] = [name, "other"]
    return reports.search_page(frame, "val_loss", title=name)


PAGES = {
    "page": whole_page,
    "costs": page_of_costs,
    "search": page_of_a_search,
}


class Read(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and its texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, [name for name, _ in attributes]))
        self.texts.extend(value for name, value in attributes if name == "alt")

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("page", PAGES)
def test_pages(page, monkeypatch):
    monkeypatch.setattr("keras_dlnotes.reports.pages.page._source", lambda figure: "data:,")
    expected = Read(PAGES[page]("harmless").render()).elements
    for name in NAMES:
        if page == "search" and name == "\udc80":  # which pandas refuses in a table
            continue
        found = Read(PAGES[page](name).render())
        assert found.elements == expected, name
        text = "".join(found.texts)
        assert printable(name, keep="\n\t") in text, name
        assert not UNSAFE.search(text.replace("\n", "").replace("\t", "")), name


def test_markdown():
    reader = MarkdownIt().enable("table")
    for name in NAMES:
        head, row, total, remark = _texts(reader, costs(name).to_markdown())
        assert row[:2] == total[:2] == [printable(name).strip()] * 2, name
        assert len(head) == len(row) == len(total) == 10
        assert printable(name) in remark, name


def _texts(reader, markdown):
    """Returns the texts of the rows of a table, and that of the paragraph behind it."""
    tokens = reader.parse(markdown)
    assert {token.type for token in tokens} <= {
        f"{kind}_{end}"
        for kind in ("table", "thead", "tbody", "tr", "th", "td", "paragraph")
        for end in ("open", "close")
    } | {"inline"}
    rows = []
    for token in tokens:
        if token.type in ("tr_open", "paragraph_open"):
            rows.append([])
        elif token.type == "inline":
            assert {child.type for child in token.children} <= {"text", "text_special"}
            rows[-1].append("".join(child.content for child in token.children))
    *table, (remark,) = rows
    return *table, remark


def test_table_of_a_search(tmp_path):
    for name in NAMES:
        write_table(tmp_path / "results.csv", [trial("0"), trial(name)])
        shown = name.encode(errors="backslashreplace").decode()
        frame = pandas.read_csv(tmp_path / "results.csv", keep_default_na=False)
        assert shown in frame.columns or f"hyperparameter {shown}" in frame.columns, name
        assert shown in frame.iloc[1].tolist(), name


def test_logs_of_tensorboard(tmp_path):
    logs = tmp_path / "trial_0/execution_0/logs"
    logs.mkdir(parents=True)
    log_search(tmp_path, {"space": [{"config": {"name": name}} for name in NAMES]}, list(NAMES))
    outcome = TrialOutcome("COMPLETED", {"values": dict(zip(NAMES, NAMES, strict=True))})
    log_trial(tmp_path, "0", 1, outcome)
    (experiment,) = _plugin_data(tmp_path, metadata.parse_experiment_plugin_data)
    shown = [name.encode(errors="backslashreplace").decode() for name in NAMES]
    assert [info.name for info in experiment.hparam_infos] == shown
    assert [info.display_name for info in experiment.metric_infos] == shown
    started, _ = _plugin_data(logs, metadata.parse_session_start_info_plugin_data)
    assert {name: value.string_value for name, value in started.hparams.items()} == dict(
        zip(shown, shown, strict=True)
    )


def _plugin_data(folder, parse):
    for file in folder.glob("events.out.*"):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                is_end = value.tag == metadata.SESSION_END_INFO_TAG
                yield None if is_end else parse(value.metadata.plugin_data.content)
