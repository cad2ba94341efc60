"""Mistakes around the training loop. The docstring is the message; `t` is the library, `right` follows its advice."""


def optimizer_of_nothing(t, right):
    """ValueError: SGD: optimizer got an empty parameter list. Pass model.parameters() of a model that has some."""
    net = t.nn.Linear(3, 4) if right else t.nn.ReLU()
    return t.optim.SGD(net.parameters(), lr=0.1)


def optimizer_of_one_tensor(t, right):
    """TypeError: Adam: params argument given to the optimizer should be an iterable of Tensors or dicts, but got a
    single Tensor. Pass [tensor].
    with params (3,) float32
    """
    w = t.ones(3, requires_grad=True)
    return t.optim.Adam([w] if right else w)


def optimizer_of_a_network(t, right):
    """TypeError: add_param_group: can only optimize Tensors, but one of the params is Linear. Pass model.parameters()."""
    net = t.nn.Linear(3, 4)
    return t.optim.Adam(net.parameters() if right else [net])


def optimizer_of_what_was_computed(t, right):
    """ValueError: add_param_group: can't optimize a non-leaf Tensor, got a computed one. Pass the leaf.
    with params [(3,) float32]
    """
    w = t.ones(3, requires_grad=True)
    return t.optim.Adam([w if right else w * 2])


def optimizer_of_names(t, right):
    """TypeError: add_param_group: can only optimize Tensors, but one of the params is str. Pass model.parameters()."""
    net = t.nn.Linear(3, 4)
    return t.optim.Adam(net.state_dict().values() if right else net.state_dict().keys())


def negative_learning_rate(t, right):
    """ValueError: SGD: Invalid lr value: expected at least 0, got -0.1. Change lr.
    with params [(3,) float32]
    """
    w = t.ones(3, requires_grad=True)
    return t.optim.SGD([w], lr=0.1 if right else -0.1)


def beta_of_one(t, right):
    """ValueError: Adam: Invalid betas value: expected numbers from 0 to below 1, got (0.9, 1.0). Change betas.
    with params [(3,) float32]
    """
    w = t.ones(3, requires_grad=True)
    return t.optim.Adam([w], betas=(0.9, 0.999 if right else 1.0))


def nesterov_without_momentum(t, right):
    """ValueError: SGD: Invalid nesterov value: expected a momentum above 0 and a dampening of 0 with it, got True.
    Change nesterov.
    with params [(3,) float32]
    """
    w = t.ones(3, requires_grad=True)
    return t.optim.SGD([w], lr=0.1, momentum=0.0, nesterov=not right)


def a_parameter_in_two_groups(t, right):
    """ValueError: add_param_group: some parameters appear in more than one parameter group. Leave them out of one."""
    w, v = t.ones(3, requires_grad=True), t.ones(3, requires_grad=True)
    return t.optim.SGD([{"params": [w]}, {"params": [v if right else w]}], lr=0.1)


def a_group_that_is_no_dict(t, right):
    """TypeError: add_param_group: param_group must be a dict, but got list. Pass {'params': ...}.
    with param_group [(3,) float32]
    """
    w, v = t.ones(3, requires_grad=True), t.ones(3, requires_grad=True)
    t.optim.SGD([w], lr=0.1).add_param_group({"params": [v]} if right else [v])


def state_of_an_optimizer_of_other_groups(t, right):
    """ValueError: load_state_dict: loaded state dict contains a parameter group that doesn't match the size of
    optimizer's group, expected 2 parameters in group 0, got 1. Build the optimizer as it was saved.
    """
    w, v = t.ones(3, requires_grad=True), t.ones(3, requires_grad=True)
    old, new = t.optim.SGD([w], lr=0.1), t.optim.SGD([w] if right else [w, v], lr=0.1)
    new.load_state_dict(old.state_dict())


def lbfgs_without_a_closure(t, right):
    """TypeError: LBFGS.step: expected a closure that computes the loss, got None. Pass one."""
    w = t.ones(3, requires_grad=True)
    optimizer = t.optim.LBFGS([w])

    def closure():
        loss = (w * w).sum()
        loss.backward()
        return loss

    optimizer.step(closure) if right else optimizer.step()


def sparse_adam_of_dense_gradients(t, right):
    """RuntimeError: SparseAdam: SparseAdam does not support dense gradients, expected one of layout facula.sparse_coo.
    Please consider Adam instead.
    with p (3,) float32
    """
    w = t.ones(3, requires_grad=True)
    (w * 2).sum().backward()
    (t.optim.Adam([w]) if right else t.optim.SparseAdam([w])).step()


def scheduler_of_parameters(t, right):
    """TypeError: StepLR: Linear is not an Optimizer. Pass the optimizer itself."""
    net = t.nn.Linear(3, 4)
    optimizer = t.optim.SGD(net.parameters(), lr=0.1)
    return t.optim.lr_scheduler.StepLR(optimizer if right else net, 10)


def scheduler_resumed_without_first_rates(t, right):
    """KeyError: StepLR: param 'initial_lr' is not specified in param_groups[0] when resuming scheduler with last_epoch
    >= 0. Load the optimizer's state dict first.
    """
    optimizer = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1)
    return t.optim.lr_scheduler.StepLR(optimizer, 10, last_epoch=-1 if right else 5)


def one_cycle_of_unknown_length(t, right):
    """ValueError: OneCycleLR: You must define either total_steps OR (epochs AND steps_per_epoch), got neither. Pass
    one.
    """
    optimizer = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1, momentum=0.9)
    return t.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10 if right else None)


def one_cycle_stepped_past_its_end(t, right):
    """ValueError: OneCycleLR: Tried to step 3 times. The specified number of total steps is 2. Raise total_steps."""
    optimizer = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1, momentum=0.9)
    scheduler = t.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=2)
    for _ in range(1 if right else 3):
        optimizer.step()
        scheduler.step()


def rates_for_another_number_of_groups(t, right):
    """ValueError: LambdaLR: expected 1 values for lr_lambda, got 2. Give one per parameter group."""
    optimizer = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1)
    rates = [lambda epoch: 0.9] * (1 if right else 2)
    return t.optim.lr_scheduler.LambdaLR(optimizer, rates)


def plateau_of_an_unknown_mode(t, right):
    """ValueError: ReduceLROnPlateau: mode maximum is unknown! Use 'min' or 'max'."""
    optimizer = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1)
    return t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max" if right else "maximum")


def plateau_that_raises_the_rate(t, right):
    """ValueError: ReduceLROnPlateau: Factor should be < 1.0, got 2.0. Use e.g. 0.1."""
    optimizer = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1)
    return t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5 if right else 2.0)


def warm_restarts_of_no_length(t, right):
    """ValueError: CosineAnnealingWarmRestarts: Expected positive integer T_0, but got 0. Use e.g. 10."""
    optimizer = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1)
    return t.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10 if right else 0)


def schedules_of_two_optimizers(t, right):
    """ValueError: SequentialLR: expects all schedulers to belong to the same optimizer, but got scheduler at index 1
    of another one. Build all on one.
    """
    a, b = (t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1) for _ in range(2))
    kind = t.optim.lr_scheduler
    return kind.SequentialLR(a, [kind.StepLR(a, 3), kind.StepLR(a if right else b, 3)], milestones=[5])


def schedules_without_enough_milestones(t, right):
    """ValueError: SequentialLR: expects number of schedulers provided to be one more than the number of milestone
    points, but got number of schedulers 2 and milestones 0. Name one for each change.
    """
    a = t.optim.SGD([t.ones(3, requires_grad=True)], lr=0.1)
    kind = t.optim.lr_scheduler
    return kind.SequentialLR(a, [kind.StepLR(a, 3), kind.StepLR(a, 3)], milestones=[5] if right else [])


def clipping_to_nan(t, right):
    """RuntimeError: clip_grad_norm_: The total norm of order 2.0 for gradients from `parameters` is non-finite, so it
    cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set
    `error_if_nonfinite=False`.
    with parameters [(3,) float32]
    """
    w = t.ones(3, requires_grad=True)
    w.grad = t.tensor([1.0, float("inf"), 0.0])
    t.nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=not right)


def loader_of_empty_batches(t, right):
    """ValueError: BatchSampler: batch_size should be a positive integer value, but got batch_size=0. Use 1 or more."""
    data = t.utils.data.TensorDataset(t.ones(4, 3))
    return t.utils.data.DataLoader(data, batch_size=2 if right else 0)


def loader_of_a_negative_number_of_workers(t, right):
    """ValueError: DataLoader: num_workers option should be non-negative, got -1. Use 0 for none."""
    data = t.utils.data.TensorDataset(t.ones(4, 3))
    return t.utils.data.DataLoader(data, num_workers=0 if right else -1)


def loader_that_shuffles_a_sampler(t, right):
    """ValueError: DataLoader: sampler option is mutually exclusive with shuffle, got both. Drop one."""
    data = t.utils.data.TensorDataset(t.ones(4, 3))
    sampler = t.utils.data.SequentialSampler(data)
    return t.utils.data.DataLoader(data, shuffle=not right, sampler=sampler)


def loader_that_shuffles_a_stream(t, right):
    """ValueError: DataLoader: DataLoader with IterableDataset: expected unspecified shuffle option, but got
    shuffle=True. A stream decides its own order.
    """

    class Stream(t.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(4))

    return t.utils.data.DataLoader(Stream(), shuffle=not right)


def loader_that_keeps_no_workers(t, right):
    """ValueError: DataLoader: persistent_workers option needs num_workers > 0, got 0. Set num_workers."""
    data = t.utils.data.TensorDataset(t.ones(4, 3))
    return t.utils.data.DataLoader(data, persistent_workers=not right)


def loader_that_fetches_ahead_without_workers(t, right):
    """ValueError: DataLoader: prefetch_factor option could only be specified in multiprocessing, got 2. Let
    num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None.
    """
    data = t.utils.data.TensorDataset(t.ones(4, 3))
    return t.utils.data.DataLoader(data, prefetch_factor=None if right else 2)


def batches_of_samples_of_unlike_shapes(t, right):
    """RuntimeError: default_collate: stack expects each tensor to be equal size, but got [(3,), (4,)]. Resize the
    samples, or pad them in a collate_fn.
    """
    data, pad = [t.ones(3), t.ones(4)], t.nn.utils.rnn.pad_sequence
    return list(t.utils.data.DataLoader(data, batch_size=2, collate_fn=pad if right else None))


def batches_of_none(t, right):
    """TypeError: default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found NoneType.
    Pass a collate_fn of your own.
    """
    data = [None, None]
    return list(t.utils.data.DataLoader(data, batch_size=2, collate_fn=list if right else None))


def batches_of_objects(t, right):
    """TypeError: default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found object.
    Pass a collate_fn of your own.
    """
    data = [object()]
    return list(t.utils.data.DataLoader(data, collate_fn=list if right else None))


def batches_of_lists_of_unlike_length(t, right):
    """RuntimeError: default_collate: each element in list of batch should be of equal size, got lengths [1, 2]. Pad
    them in a collate_fn.
    """
    data = [[1, 2], [3]]
    pad = lambda rows: [row + [0] * (2 - len(row)) for row in rows]
    return list(t.utils.data.DataLoader(data, batch_size=2, collate_fn=pad if right else None))


def dataset_of_unlike_lengths(t, right):
    """AssertionError: TensorDataset: Size mismatch between tensors, got lengths [4, 5]. They must have one row per
    sample.
    with tensors [(4, 3) float32, (5,) float32]
    """
    x, y = t.ones(4, 3), t.ones(4 if right else 5)
    return t.utils.data.TensorDataset(x, y)


def dataset_past_its_end(t, right):
    """IndexError: getitem: index 4 is out of bounds for dimension 0 with size 4. Use -4 to 3.
    with self (4, 3) float32
    """
    data = t.utils.data.TensorDataset(t.ones(4, 3))
    return data[3 if right else 4]


def dataset_without_items(t, right):
    """NotImplementedError: Items: Subclasses of Dataset should implement __getitem__. Define __getitem__(self, index).
    raised by Items for sample 0
    """

    class Items(t.utils.data.Dataset):
        def __len__(self):
            return 2

        if right:

            def __getitem__(self, i):
                return i

    return list(t.utils.data.DataLoader(Items()))


def split_of_another_total(t, right):
    """ValueError: random_split: Sum of input lengths does not equal the length of the input dataset, expected 10, got
    9. Change the lengths.
    """
    data = list(range(10))
    return t.utils.data.random_split(data, [7, 3 if right else 2])


def sampler_of_no_samples(t, right):
    """ValueError: WeightedRandomSampler: num_samples should be a positive integer value, but got num_samples=0. Use 1
    or more.
    """
    return t.utils.data.WeightedRandomSampler([0.5, 0.5], num_samples=2 if right else 0)


def file_that_is_not_there(t, right):
    """FileNotFoundError: load: expected the file 'weights_that_are_not_there.pt', got none. Check the path."""
    import io

    buffer = io.BytesIO()
    t.save({"a": t.ones(2)}, buffer)
    buffer.seek(0)
    return t.load(buffer if right else "weights_that_are_not_there.pt")
