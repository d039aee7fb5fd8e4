"""The table of tasks."""

import pytest

from keras_dlnotes import data, tasks


def test_names_and_get_agree():
    assert tasks.names() == [
        "digits",
        "mnist",
        "mnist-vgg",
        "mnist-resnet",
        "mnist-densenet",
        "mnist-autoencoder",
        "mnist-overcomplete",
        "mnist-denoising",
        "latent-space",
        "nuclei",
        "vowels",
        "sunspots",
        "spell",
        "characters",
        "ocr",
        "pronounce",
    ]
    for name in tasks.names():
        task = tasks.get(name)
        assert task.name == name
        assert task.description and task.section
        assert task.data in data.names()


@pytest.mark.parametrize(
    ("name", "hint"), [("digit", "Did you mean 'digits'"), ("zebra", "'mnist'"), (None, "'mnist'")]
)
def test_an_unknown_name_is_an_error_with_a_hint(name, hint):
    with pytest.raises(ValueError, match=hint) as error:
        tasks.get(name)
    assert f"name={name!r}" in str(error.value)
