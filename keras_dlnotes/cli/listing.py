"""`dlnotes tasks` and `dlnotes data`: the available tasks and data sets."""

from keras_dlnotes.cli.application import app, table_of
from keras_dlnotes.cli.console import console
from keras_dlnotes.cli.starting import start_tasks


@app.command("tasks")
def list_tasks() -> None:
    """Lists the tasks of `fit` and `tune`."""
    tasks = start_tasks()
    table = table_of("task", "description", "lecture notes", "data")
    for task in tasks.TASKS.values():
        table.add_row(task.name, task.description, task.section, task.data)
    console.print(table)


@app.command("data")
def list_data() -> None:
    """Lists the data sets that come with the package."""
    from keras_dlnotes import data

    table = table_of("name", "description", "examples", "licence")
    for card in map(data.card, data.names()):
        sizes = ", ".join(f"{size:,} {split}" for split, size in card.sizes.items())
        table.add_row(card.name, card.title, sizes, card.licence)
    console.print(table)
    console.print("--data tfds:NAME uses any suitable data set of TensorFlow Datasets.")
