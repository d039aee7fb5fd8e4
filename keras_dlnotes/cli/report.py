"""`dlnotes report`: the cost and the receptive field of each layer of a model."""

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_dlnotes.cli.application import EXIT_CODES, CommandError, ExitCode, app, table_of
from keras_dlnotes.cli.console import PlainConsole, console, lines
from keras_dlnotes.cli.options import check_exclusive, check_working_directory
from keras_dlnotes.cli.starting import start_keras
from keras_dlnotes.common.paths import library_first

APPLICATIONS = "keras.applications."
FORMS = "a .keras file, module:function or keras.applications.NAME"
PIPED_WIDTH = 160  # columns, if the output is not a terminal


@app.command("report", epilog=EXIT_CODES)
def report_model(
    model: Annotated[str, typer.Argument(help=f"The model: {FORMS}.")],
    input_shape: Annotated[
        str | None,
        typer.Option(
            metavar="H,W,C",
            help="Input shape without the batch axis, if the model does not fix it.",
            show_default="the model's own",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="HTML page to write.", show_default="none")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    savings: Annotated[
        bool,
        typer.Option(
            "--savings",
            help="Also measure what separable convolutions would save; about a second for each.",
        ),
    ] = False,
) -> None:
    """Shows the cost and the receptive field of each layer of a model.

    Weights do not matter: networks of keras.applications are built without pretrained ones.
    """
    check_exclusive(json=json, savings=savings)
    check_working_directory()
    shape = None if input_shape is None else _lengths(input_shape)
    if html is not None:
        _check_page(html)
    keras = start_keras()
    from keras_dlnotes import reports

    with console.status("Counting …"):
        built = _find_model(keras, model, shape)
        try:
            report = reports.summarize(built, shape)
        except ValueError as error:
            raise CommandError(f"{model}: {error} (--input-shape)", ExitCode.USAGE) from error
    saved = _savings(reports, built, shape, model) if savings else None
    output = console if console.is_terminal else PlainConsole(width=PIPED_WIDTH)
    if json:
        output.print(lines(report.to_json()), soft_wrap=True)
    else:
        output.print(report)
    if saved is not None:
        output.print(_table_of_savings(saved))
    if html is not None:
        try:
            report.to_html(html, saved)
        except OSError as error:
            raise CommandError(f"--html {html}: {error.strerror}.", ExitCode.FOLDER) from error
        if not json:
            console.print(f"report: {html}", soft_wrap=True)


def _check_page(html: Path) -> None:
    try:
        reason = "it is a folder" if html.is_dir() else None
        if not html.absolute().parent.is_dir():
            reason = "its folder does not exist"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise CommandError(f"--html {html}: {reason}.", ExitCode.FOLDER)


def _savings(reports: Any, model: Any, shape: tuple[int, ...] | None, name: str) -> Any:
    with console.status("Measuring separable convolutions …"):
        try:
            return reports.savings(model, input_shape=shape)
        except ValueError as error:
            raise CommandError(f"{name}: {error} (--savings)", ExitCode.USAGE) from error


def _table_of_savings(savings: Any) -> Any:
    """Returns a row per convolution: the ratio of the notes, the counted and the measured ones."""
    table = table_of(
        *("convolution", "kernel", "1/N + 1/D_k²"),
        *("depthwise-separable", "measured", "spatially separable", "measured"),
    )
    for row in savings.to_dict("records"):
        ratios = (
            row[name]
            for name in (
                *("notes_ratio", "depthwise_ratio", "measured_depthwise_ratio"),
                *("spatial_ratio", "measured_spatial_ratio"),
            )
        )
        shown = (f"{ratio:.3f}" if ratio == ratio else "" for ratio in ratios)  # NaN in the total
        kernel = row["kernel"] if isinstance(row["kernel"], str) else ""
        table.add_row(row["layer"], kernel, *shown)
    return table


def _lengths(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    # int() refuses thousands of digits, and no model has an input of length 10¹⁸
    if not all(p.strip().isdecimal() and len(p) <= 18 and int(p) > 0 for p in parts):
        message = f"--input-shape must be lengths ≥ 1 such as 224,224,3. Received: {text}"
        raise CommandError(message, ExitCode.USAGE)
    return tuple(map(int, parts))


def _find_model(keras: Any, name: str, shape: tuple[int, ...] | None) -> Any:
    """Returns the model that the argument names."""
    if name.endswith(".keras"):
        return _load(keras, name)
    if name.startswith(APPLICATIONS):
        builder = _application(keras, name.removeprefix(APPLICATIONS))
        return _build(builder, name, shape, weights=None)
    module, colon, attribute = name.partition(":")
    if not (colon and module and attribute) or module.startswith("."):
        raise CommandError(f"MODEL must be {FORMS}. Received: {name}", ExitCode.USAGE)
    found = _import(module, attribute)
    if isinstance(found, keras.Model):
        return found
    if not callable(found):
        raise CommandError(f"{name} is neither a function nor a Keras model.", ExitCode.USAGE)
    model = _build(found, name, shape)
    if not isinstance(model, keras.Model):
        kind = type(model).__name__
        raise CommandError(
            f"{name} must return a Keras model. It returned: {kind}.", ExitCode.USAGE
        )
    return model


def _load(keras: Any, path: str) -> Any:
    if not Path(path).is_file():
        raise CommandError(f"File {path} does not exist.", ExitCode.USAGE)
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        message = f"{path} can't be loaded: {type(error).__name__}: {error}"
        raise CommandError(message, ExitCode.FAILED) from error


def _application(keras: Any, name: str) -> Callable:
    builders = {
        key: value
        for key, value in vars(keras.applications).items()
        if key[0].isupper() and callable(value)
    }
    if name not in builders:
        near = difflib.get_close_matches(name, builders, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise CommandError(f"keras.applications has no {name!r}.{hint}", ExitCode.USAGE)
    return builders[name]


def _import(module: str, attribute: str) -> Any:
    """Returns an attribute of a module, which may lie in the working directory."""
    earlier = sys.path[:]
    sys.path[:] = library_first([str(Path.cwd()), *earlier])
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise CommandError(f"{error}.", ExitCode.USAGE) from error
    finally:
        sys.path[:] = earlier
    if not hasattr(found, attribute):
        raise CommandError(f"Module {module} has no {attribute!r}.", ExitCode.USAGE)
    return getattr(found, attribute)


def _build(function: Callable, name: str, shape: tuple[int, ...] | None, **arguments: Any) -> Any:
    """Calls a function that returns a model, with the input shape if it has that argument."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError as error:  # some built-in functions have no signature
        message = f"{name} is not a function that returns a Keras model."
        raise CommandError(message, ExitCode.USAGE) from error
    if shape is not None and "input_shape" in parameters:
        arguments["input_shape"] = shape
    missing = [
        key
        for key, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and key not in arguments
    ]
    if missing:
        hint = " Give --input-shape." if missing == ["input_shape"] else ""
        message = f"{name} needs arguments: {', '.join(missing)}.{hint}"
        raise CommandError(message, ExitCode.USAGE)
    try:
        return function(**arguments)
    except ValueError as error:
        hint = "" if shape is None else " (--input-shape)"
        raise CommandError(f"{name}: {error}{hint}", ExitCode.USAGE) from error
