"""Several objectives, replaced arguments of `compile`, plain functions, and first trials."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_dlnotes.tuning.arguments import check_objective, make_recipe
from keras_dlnotes.tuning.initial import check_initial, listed_initial
from keras_dlnotes.tuning.oracles import make_oracle
from keras_dlnotes.tuning.preflight import dry_run
from keras_dlnotes.tuning.space_check import what_differs
from tests.tuning.custom_fits import (
    LOSS,
    RATES,
    Line,
    ReturnsDict,
    ReturnsHistory,
    given,
    recipe_of,
    run,
)

SLOW = {"rate": RATES[0]}


@pytest.mark.parametrize("kind", [Line, ReturnsHistory])
def test_several_objectives_are_their_sum_as_in_keras_tuner(kind, tmp_path):
    listed = ["val_loss", keras_tuner.Objective("val_mae", "max")]
    outcome = run(recipe_of(kind(), epochs=3), SLOW, tmp_path, check_objective(listed))
    tuner = keras_tuner.RandomSearch(
        Line(), listed, 1, directory=tmp_path, project_name="theirs", overwrite=True
    )
    theirs = tuner.oracle.objective
    metrics = outcome.metrics
    assert metrics["multi_objective"] == pytest.approx(theirs.get_value(metrics), abs=1e-6)
    assert theirs.name == "multi_objective" and theirs.direction == "min"


def test_a_dict_is_completed(tmp_path):
    both = check_objective(["val_loss", keras_tuner.Objective("mine", "max")])
    metrics = run(recipe_of(ReturnsDict()), SLOW, tmp_path, both).metrics
    assert metrics["multi_objective"] == pytest.approx(metrics["val_loss"] - metrics["mine"])


@pytest.mark.parametrize("value", [[], [3], [None], ["val_loss", "size"], [["loss"]]])
def test_a_list_of_anything_else_is_refused(value):
    if value == [["loss"]]:
        assert check_objective(value).name == "loss"
        return
    with pytest.raises(ValueError, match="`objective` must be"):
        check_objective(value)


def test_the_arguments_of_compile_are_replaced():
    optimizer = keras.optimizers.Adam(0.125)
    recipe = recipe_of(
        Line(), optimizer=optimizer, loss="mae", metrics=[keras.metrics.MeanSquaredError("square")]
    )
    hp = keras_tuner.HyperParameters()
    models = [recipe.build(hp, recipe.load()) for _ in range(2)]
    assert models[0].optimizer is not models[1].optimizer
    assert float(models[0].optimizer.learning_rate) == 0.125
    assert models[0].loss == "mae" and models[0].run_eagerly  # as the hypermodel has it
    assert "val_square" in dry_run(recipe, LOSS)["metrics"]
    assert "val_mae" not in dry_run(recipe, LOSS)["metrics"]


def test_what_is_not_replaced_stays():
    recipe = recipe_of(Line(), loss="mae")
    model = recipe.build(keras_tuner.HyperParameters(), recipe.load())
    assert isinstance(model.optimizer, keras.optimizers.SGD) and model.loss == "mae"
    assert "val_mae" in dry_run(recipe, LOSS)["metrics"]


def test_a_model_without_compile_is_compiled():
    def bare(hp):
        hp.Choice("rate", list(RATES))
        return keras.Sequential([keras.layers.Dense(1)])

    recipe = recipe_of(bare, optimizer="sgd", loss="mse")
    assert "val_loss" in dry_run(recipe, LOSS)["metrics"]
    with pytest.raises(ValueError, match="`loss` must be what `compile` takes"):
        recipe_of(bare, loss=3)


def parabola(hp):
    return (hp.Float("x", -1.0, 1.0) - 0.25) ** 2


def test_a_plain_function_is_called_with_its_hyperparameters(tmp_path):
    recipe = make_recipe(parabola)
    found = dry_run(recipe, None)
    assert (found["objective"], found["direction"], found["model"]) == (
        "default_objective",
        "min",
        None,
    )
    assert [entry["config"]["name"] for entry in found["space"]["space"]] == ["x"]
    objective = keras_tuner.Objective("default_objective", "min")
    outcome = run(recipe, {"x": 0.75}, tmp_path, objective)
    assert outcome.metrics == {"default_objective": 0.25}
    assert run(recipe, {"x": 0.75}, tmp_path, objective).metrics == outcome.metrics


def test_a_function_has_a_folder_for_its_files(tmp_path):
    def score(hp, folder):
        (folder / "x.txt").write_text(str(hp.Choice("x", [1, 2])))
        return {"size": 3.0, "other": float(hp["x"])}

    size = keras_tuner.Objective("size", "max")
    outcome = run(make_recipe(score), {"x": 2}, tmp_path, size)
    assert outcome.metrics == {"size": 3.0, "other": 2.0}
    path = tmp_path / "trial_0" / "execution_0" / "files" / "x.txt"
    assert path.read_text() == "2"


def test_what_a_function_must_not_return_ends_the_search(tmp_path):
    with pytest.raises(keras_tuner.errors.FatalTypeError, match="The function must return a Hist"):
        run(make_recipe(lambda hp: None), {}, tmp_path, LOSS)


@pytest.mark.parametrize(
    "argument", ["batch_size", "patience", "steps_per_epoch", "class_weight", "callbacks", "loss"]
)
def test_a_function_takes_no_arguments_of_fit(argument):
    value = {"class_weight": {0: 1.0}, "callbacks": [keras.callbacks.Callback()], "loss": "mse"}
    with pytest.raises(ValueError, match=f"`{argument}` must be None"):
        make_recipe(parabola, **{argument: value.get(argument, 3)})


def space():
    hp = keras_tuner.HyperParameters()
    hp.Boolean("deep")
    with hp.conditional_scope("deep", [True]):
        hp.Int("layers", 1, 9, default=2)
    hp.Choice("units", [4, 8, 16], default=8)
    return hp


def oracle(tuner, tmp_path, initial, entries=None):
    found = make_oracle(
        tuner, LOSS, space() if entries is None else entries, max_trials=9, epochs=4, seed=0,
        folder=tmp_path, arguments={}, initial=initial,
    )  # fmt: skip
    found._set_project_dir(str(tmp_path.parent), tmp_path.name)
    found.reload()
    return found


@pytest.mark.parametrize("tuner", ["random", "hyperband", "bayesian"])
def test_a_search_begins_with_the_configurations_that_are_given(tuner, tmp_path):
    found = oracle(tuner, tmp_path, [{"units": 16}, {"deep": True}])
    values = [found.create_trial(f"worker{number}").hyperparameters.values for number in range(3)]
    values = [
        {name: value for name, value in one.items() if not name.startswith("tuner/")}
        for one in values
    ]
    assert values[:2] == [{"deep": False, "units": 16}, {"deep": True, "layers": 2, "units": 8}]
    assert values[2] not in values[:2]


@pytest.mark.parametrize(
    ("initial", "told"),
    [
        ([{"width": 3}], "made of the hyperparameters of the space: deep, layers, units"),
        ([{"units": 5}], "made of values that the space allows for 'units'"),
        ([{"layers": 3}], "made of hyperparameters that are active"),
    ],
)
def test_a_configuration_outside_the_space_is_refused(initial, told):
    check_initial([{"units": 4, "deep": True, "layers": 9}], space().get_config())
    with pytest.raises(ValueError, match=f"`initial_configurations` must be {told}"):
        check_initial(initial, space().get_config())


@pytest.mark.parametrize("value", [3, [3], [{3: 3}], [{"a": None}], "ab"])
def test_anything_but_configurations_is_refused(value):
    with pytest.raises(ValueError, match="`initial_configurations`"):
        listed_initial("random", value)
    with pytest.raises(ValueError, match="None for a grid"):
        listed_initial("grid", [{"units": 4}])


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_a_space_may_grow_when_a_search_goes_on(tuner, tmp_path):
    first = oracle(tuner, tmp_path, [])
    trial = first.create_trial("worker0")
    grown = space()
    grown.Choice("activation", ["relu", "tanh"])
    settings = {"tuner": tuner, "space": space().get_config()}
    now = {"space": grown.get_config(), "training_data": [], "validation_data": [], "model": None}
    assert what_differs(settings, now) is None
    assert "another search space" in what_differs(settings | {"tuner": "grid"}, now)
    found = oracle(tuner, tmp_path, [], grown)
    assert found.create_trial("worker0").trial_id == trial.trial_id
    assert "activation" in found.create_trial("worker1").hyperparameters.values


def test_a_search_keeps_its_arguments_of_fit():
    earlier = {"training_data": [], "validation_data": [], "model": None, "space": None}
    earlier["fit_arguments"] = {"class_weight": {"0": 2.0}}
    assert what_differs(earlier, earlier) is None
    now = earlier | {"fit_arguments": {"class_weight": {"0": 3.0}}}
    assert "other arguments of `fit`: they are {'class_weight'" in what_differs(earlier, now)
    del earlier["fit_arguments"]  # as an earlier version wrote it
    assert what_differs(earlier, now) is None


def test_cross_validation_is_the_mean_of_its_folds(tmp_path):
    folds = []

    def fit(self, hp, model, x, y, validation_data=None, callbacks=None, **options):
        scores = []
        for number in range(4):
            held = np.arange(len(x)) % 4 == number
            model = self.build(hp)
            model.fit(x[~held], y[~held], batch_size=8, epochs=2, verbose=0)
            scores.append(float(model.evaluate(x[held], y[held], verbose=0)[0]))
        folds.append(scores)
        return scores

    outcome = run(recipe_of(given(fit)), SLOW, tmp_path, LOSS)
    assert outcome.metrics == {"val_loss": pytest.approx(np.mean(folds[0]))}
