import facula_lightning as lightning
from facula_lightning.attributes import overridden
from facula_lightning.callbacks.callback import Callback
from facula_lightning.hooks import Hooks
from facula_lightning.module import LightningModule

SILENT = {"on_exception"}


def recording(base, names, called, prefix=""):
    """A subclass of `base` that notes each of its hooks and then does what the base does."""

    def note(name):
        def method(self, *args, **kwargs):
            called.append(prefix + name)
            return getattr(super(made, self), name)(*args, **kwargs)

        return method

    made = type(f"Recording{base.__name__}", (base,), {name: note(name) for name in names})
    return made


MODULE_HOOKS = [
    name
    for name in dir(LightningModule)
    if name.startswith("on_")
    or name
    in {
        "prepare_data",
        "setup",
        "teardown",
        "configure_model",
        "configure_optimizers",
        "configure_callbacks",
        "transfer_batch_to_device",
        "training_step",
        "backward",
        "optimizer_zero_grad",
        "configure_gradient_clipping",
        "validation_step",
        "test_step",
        "predict_step",
        "lr_scheduler_step",
    }
]
CALLBACK_HOOKS = [name for name in vars(Callback) if name.startswith("on_") or name in ("setup", "teardown")]

VALIDATION = """
on_validation_model_eval
cb.on_validation_start on_validation_start cb.on_validation_epoch_start on_validation_epoch_start
on_before_batch_transfer transfer_batch_to_device on_after_batch_transfer
cb.on_validation_batch_start on_validation_batch_start validation_step
cb.on_validation_batch_end on_validation_batch_end
cb.on_validation_epoch_end on_validation_epoch_end cb.on_validation_end on_validation_end
on_validation_model_train
""".split()
TRAINING_BATCH = """
on_before_batch_transfer transfer_batch_to_device on_after_batch_transfer
cb.on_train_batch_start on_train_batch_start training_step
cb.on_before_zero_grad on_before_zero_grad optimizer_zero_grad
cb.on_before_backward on_before_backward backward cb.on_after_backward on_after_backward
cb.on_before_optimizer_step on_before_optimizer_step configure_gradient_clipping
cb.on_train_batch_end on_train_batch_end
""".split()


def test_hooks_of_fit_come_in_lightnings_order(line, data, make_trainer):
    called = []
    module = recording(type(line), MODULE_HOOKS, called)()
    callback = recording(Callback, CALLBACK_HOOKS, called, "cb.")()
    make_trainer(max_epochs=1, limit_train_batches=2, limit_val_batches=1, callbacks=callback).fit(module, data, data)
    assert called == [
        *"configure_callbacks prepare_data cb.setup setup configure_model configure_optimizers".split(),
        *"cb.on_fit_start on_fit_start cb.on_sanity_check_start".split(),
        *VALIDATION,
        *"cb.on_sanity_check_end cb.on_train_start on_train_start".split(),
        *"cb.on_train_epoch_start on_train_epoch_start".split(),
        *TRAINING_BATCH,
        *TRAINING_BATCH,
        *VALIDATION,
        *"cb.on_train_epoch_end on_train_epoch_end cb.on_train_end on_train_end".split(),
        *"cb.on_fit_end on_fit_end cb.teardown teardown".split(),
    ]


def test_hooks_of_test_and_predict(line, data, make_trainer):
    called = []
    module = recording(type(line), [n for n in MODULE_HOOKS if "transfer" not in n], called)()
    trainer = make_trainer(limit_test_batches=1, limit_predict_batches=1)
    trainer.test(module, data, verbose=False)
    assert called == [
        *"configure_callbacks prepare_data setup configure_model on_test_model_eval".split(),
        *"on_test_start on_test_epoch_start on_test_batch_start test_step on_test_batch_end".split(),
        *"on_test_epoch_end on_test_end on_test_model_train teardown".split(),
    ]
    called.clear()
    trainer.predict(module, data)
    assert called == [
        *"configure_callbacks prepare_data setup configure_model on_predict_model_eval".split(),
        *"on_predict_start on_predict_epoch_start on_predict_batch_start predict_step on_predict_batch_end".split(),
        *"on_predict_epoch_end on_predict_end on_predict_model_train teardown".split(),
    ]


def test_callbacks_that_judge_hear_of_an_epochs_end_last(line, data, make_trainer):
    called = []

    class Judge(Callback):
        judges = True

        def on_train_epoch_end(self, trainer, pl_module):
            called.append("judge")

    class Module(type(line)):
        def on_train_epoch_end(self):
            called.append("module")

    make_trainer(max_epochs=1, callbacks=[Judge()]).fit(Module(), data)
    assert called == ["module", "judge"]


def test_a_batch_may_end_its_epoch(line, data, make_trainer):
    class Short(type(line)):
        def on_train_batch_start(self, batch, batch_idx):
            return -1 if batch_idx == 2 else None

    trainer = make_trainer(max_epochs=2)
    trainer.fit(Short(), data)
    assert (trainer.global_step, trainer.current_epoch) == (4, 2)


def test_hooks_nobody_defined_cost_one_look_up(line, data, make_trainer):
    trainer = make_trainer()
    trainer.fit(line, data)
    hooks = Hooks(trainer, line)
    assert hooks("on_before_backward", None) is None
    assert hooks._calls == {("on_before_backward", False): []}
    assert not overridden(line, "on_fit_end", lightning.LightningModule)
    line.on_fit_end = lambda: None
    assert overridden(line, "on_fit_end", lightning.LightningModule)
