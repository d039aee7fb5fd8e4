"""`dlnotes tasks` and `dlnotes data`: what there is."""

from keras_dlnotes.cli.application import app, table_of
from keras_dlnotes.cli.console import console
from keras_dlnotes.cli.starting import start_tasks


@app.command("tasks")
def list_tasks() -> None:
    """Lists the tasks that `fit` knows."""
    tasks = start_tasks()
    table = table_of("task", "what it does", "lecture notes", "data")
    for task in tasks.TASKS.values():
        table.add_row(task.name, task.description, task.section, task.data)
    console.print(table)


@app.command("data")
def list_data() -> None:
    """Lists the data sets that come with the package."""
    from keras_dlnotes import data

    table = table_of("name", "what it is", "examples", "licence")
    for card in map(data.card, data.names()):
        sizes = ", ".join(f"{size:,} {split}" for split, size in card.sizes.items())
        table.add_row(card.name, card.title, sizes, card.licence)
    console.print(table)
    console.print("--data tfds:NAME takes any suitable one of TensorFlow Datasets.")
