"""Mistakes inside networks. The docstring is the message; `t` is the library, `right` follows its advice."""


def linear_of_other_features(t, right):
    """RuntimeError: 2 (Linear): linear: mat1 and mat2 shapes cannot be multiplied: expected input (*, 5) for weight
    (2, 5), got (2, 4). Build the layer with in_features=4.
    with input (2, 4) float32, weight (2, 5) float32, bias (2,) float32
    """
    net = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.ReLU(), t.nn.Linear(4 if right else 5, 2))
    return net(t.ones(2, 3))


def linear_of_a_picture(t, right):
    """RuntimeError: 0 (Linear): linear: mat1 and mat2 shapes cannot be multiplied: expected input (*, 784) for weight
    (10, 784), got (32, 1, 28, 28). Flatten it first, e.g. x.flatten(1) gives (32, 784).
    with input (32, 1, 28, 28) float32, weight (10, 784) float32, bias (10,) float32
    """
    net, x = t.nn.Sequential(t.nn.Linear(784, 10)), t.ones(32, 1, 28, 28)
    return net(x.flatten(1) if right else x)


def linear_of_integers(t, right):
    """RuntimeError: linear: expected both matrices to have the same dtype, but got: int64 and float32. Convert input
    with .to(facula.float32).
    with input (2, 3) int64, weight (4, 3) float32, bias (4,) float32
    """
    x = t.ones(2, 3, dtype=t.int64)
    return t.nn.Linear(3, 4)(x.float() if right else x)


def linear_of_doubles(t, right):
    """RuntimeError: linear: expected both matrices to have the same dtype, but got: float64 and float32. Convert input
    with .to(facula.float32).
    with input (2, 3) float64, weight (4, 3) float32, bias (4,) float32
    """
    x = t.ones(2, 3, dtype=t.float64)
    return t.nn.Linear(3, 4)(x.float() if right else x)


def convolution_of_other_channels(t, right):
    """RuntimeError: 1.1 (Conv2d): conv2d: Given groups=1, weight of size [4, 16, 3, 3], expected input[2, 8, 14, 14]
    to have 16 channels, but got 8 channels instead. Build the layer with in_channels=8.
    with input (2, 8, 14, 14) float32, weight (4, 16, 3, 3) float32, bias (4,) float32
    """
    net = t.nn.Sequential(t.nn.Conv2d(3, 8, 3), t.nn.Sequential(t.nn.ReLU(), t.nn.Conv2d(8 if right else 16, 4, 3)))
    return net(t.ones(2, 3, 16, 16))


def convolution_of_flat_rows(t, right):
    """RuntimeError: conv2d: Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [32, 784].
    Reshape it first, e.g. x.view(-1, 1, H, W).
    with input (32, 784) float32, weight (8, 1, 3, 3) float32, bias (8,) float32
    """
    x = t.ones(32, 784)
    return t.nn.Conv2d(1, 8, 3)(x.view(32, 1, 28, 28) if right else x)


def convolution_of_pictures_with_channels_last(t, right):
    """RuntimeError: conv2d: Given groups=1, weight of size [8, 3, 3, 3], expected input[2, 28, 28, 3] to have 3
    channels, but got 28 channels instead. Move them there with .permute(0, 3, 1, 2).
    with input (2, 28, 28, 3) float32, weight (8, 3, 3, 3) float32, bias (8,) float32
    """
    x = t.ones(2, 28, 28, 3)
    return t.nn.Conv2d(3, 8, 3)(x.permute(0, 3, 1, 2) if right else x)


def kernel_larger_than_the_picture(t, right):
    """RuntimeError: conv2d: Calculated padded input size per channel: (4 x 4). Kernel size: (5 x 5). Kernel size can't
    be greater than actual input size. Use a smaller kernel.
    with input (1, 3, 4, 4) float32, weight (8, 3, 5, 5) float32, bias (8,) float32
    """
    x = t.ones(1, 3, 4, 4)
    return t.nn.Conv2d(3, 8, 4 if right else 5)(x)


def groups_that_do_not_divide(t, right):
    """ValueError: Conv2d: out_channels must be divisible by groups, got 8 and 3. Change groups."""
    return t.nn.Conv2d(6, 6 if right else 8, 3, groups=3)


def same_padding_with_a_stride(t, right):
    """ValueError: Conv2d: padding='same' is not supported for strided convolutions, got stride 2. Pass integers."""
    return t.nn.Conv2d(3, 8, 3, stride=2, padding=1 if right else "same")


def unknown_padding_mode(t, right):
    """ValueError: Conv2d: expected padding_mode in ('zeros', 'reflect', 'replicate', 'circular'), got 'zero'. Use
    'zeros'.
    """
    return t.nn.Conv2d(3, 8, 3, padding_mode="zeros" if right else "zero")


def pool_larger_than_the_picture(t, right):
    """RuntimeError: max_pool2d: Given input size: (2, 2). Calculated output size: (0, 0). Output size is too small.
    Use a smaller kernel.
    with input (1, 3, 2, 2) float32
    """
    x = t.ones(1, 3, 2, 2)
    return t.nn.MaxPool2d(2 if right else 3)(x)


def batch_norm_of_one_value(t, right):
    """ValueError: 1 (BatchNorm1d): batch_norm: Expected more than 1 value per channel when training, got input size
    (1, 4). Use a larger batch, e.g. with drop_last=True in the DataLoader.
    with input (1, 4) float32, running_mean (4,) float32, running_var (4,) float32, weight (4,) float32, bias (4,)
    float32
    """
    net = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4))
    return net(t.ones(2 if right else 1, 3))


def batch_norm_of_other_dimensions(t, right):
    """ValueError: BatchNorm1d: expected 2D or 3D input, got 4D input of shape (2, 4, 8, 8). Use BatchNorm2d."""
    x = t.ones(2, 4, 8, 8)
    return (t.nn.BatchNorm2d(4) if right else t.nn.BatchNorm1d(4))(x)


def batch_norm_of_other_channels(t, right):
    """RuntimeError: 1 (BatchNorm2d): batch_norm: weight should contain 8 elements not 16, expected one per channel of
    input (2, 8, 6, 6). Build the layer with num_features=8.
    with input (2, 8, 6, 6) float32, running_mean (16,) float32, running_var (16,) float32, weight (16,) float32,
    bias (16,) float32
    """
    net = t.nn.Sequential(t.nn.Conv2d(3, 8, 3), t.nn.BatchNorm2d(8 if right else 16))
    return net(t.ones(2, 3, 8, 8))


def layer_norm_of_another_shape(t, right):
    """RuntimeError: layer_norm: Given normalized_shape=[5], expected input with shape [*, 5], but got input of size
    [2, 5, 8]. Build the layer with [8].
    with input (2, 5, 8) float32, weight (5,) float32, bias (5,) float32
    """
    x = t.ones(2, 5, 8)
    return t.nn.LayerNorm(8 if right else 5)(x)


def group_norm_of_groups_that_do_not_divide(t, right):
    """ValueError: GroupNorm: num_channels must be divisible by num_groups, got 6 and 4. Change num_groups."""
    return t.nn.GroupNorm(3 if right else 4, 6)


def embedding_of_a_word_past_the_end(t, right):
    """IndexError: 0 (Embedding): embedding: index out of range in self, expected indices from 0 to 9, got 10. Build
    the layer with num_embeddings=11.
    with input (1, 2) int64, weight (10, 3) float32
    """
    words = t.tensor([[1, 10]])
    return t.nn.Sequential(t.nn.Embedding(11 if right else 10, 3))(words)


def embedding_of_floats(t, right):
    """RuntimeError: embedding: Expected tensor for argument #1 'indices' to have one of the following scalar types:
    Long, Int; but got float32 instead. Convert it with .long().
    with input (1, 2) float32, weight (10, 3) float32
    """
    words = t.tensor([[1.0, 2.0]])
    return t.nn.Embedding(10, 3)(words.long() if right else words)


def embedding_padded_past_the_end(t, right):
    """AssertionError: Embedding: Padding_idx must be within num_embeddings (10), got 10. Use a row number."""
    return t.nn.Embedding(10, 3, padding_idx=9 if right else 10)


def lstm_of_other_features(t, right):
    """RuntimeError: LSTM: input.size(-1) must be equal to input_size, expected 4, got 5. Build the layer with
    input_size=5.
    with input (7, 2, 5) float32
    """
    x = t.ones(7, 2, 5)
    return t.nn.LSTM(5 if right else 4, 6)(x)


def lstm_of_four_dimensions(t, right):
    """ValueError: LSTM: Expected input to be 2D or 3D, got 4D of shape (7, 2, 5, 1). Give (length, batch, features)."""
    x = t.ones(7, 2, 5, 1)
    return t.nn.LSTM(5, 6)(x.squeeze(3) if right else x)


def gru_with_state_of_another_size(t, right):
    """RuntimeError: GRU: Expected hidden size (1, 2, 6) for hx, got (1, 2, 5). Give one of (layers * directions,
    batch, size).
    with input (7, 2, 5) float32, hx (1, 2, 5) float32
    """
    x, h = t.ones(7, 2, 5), t.zeros(1, 2, 6 if right else 5)
    return t.nn.GRU(5, 6)(x, h)


def gru_with_state_of_another_batch(t, right):
    """RuntimeError: GRU: Expected hidden size (1, 2, 6) for hx, got (1, 7, 6). Give one of (layers * directions,
    batch, size).
    with input (7, 2, 5) float32, hx (1, 7, 6) float32
    """
    x, h = t.ones(7, 2, 5), t.zeros(1, 2 if right else 7, 6)
    return t.nn.GRU(5, 6)(x, h)


def heads_that_do_not_divide(t, right):
    """AssertionError: MultiheadAttention: embed_dim must be divisible by num_heads, got 12 and 5. Change num_heads."""
    return t.nn.MultiheadAttention(12, 4 if right else 5)


def attention_of_other_features(t, right):
    """AssertionError: MultiheadAttention: was expecting embedding dimension of 12 for query, but got 10. Project it to
    12 features.
    with query (7, 2, 10) float32, key (7, 2, 10) float32, value (7, 2, 10) float32
    """
    x = t.ones(7, 2, 10)
    x = t.nn.Linear(10, 12)(x) if right else x
    return t.nn.MultiheadAttention(12, 4)(x, x, x)


def attention_mask_of_another_shape(t, right):
    """RuntimeError: MultiheadAttention: expected attn_mask over 7 keys, got shape (7, 5). Give one row per query and
    one column per key.
    with query (2, 7, 12) float32, key (2, 7, 12) float32, value (2, 7, 12) float32, attn_mask (7, 5) float32
    """
    x, mask = t.ones(7, 2, 12), t.zeros(7, 7 if right else 5)
    return t.nn.MultiheadAttention(12, 4)(x, x, x, attn_mask=mask)


def padding_mask_of_another_shape(t, right):
    """AssertionError: MultiheadAttention: expected key_padding_mask of shape (2, 7), got (7, 2). Give one row per
    sequence and one column per key.
    with query (2, 7, 12) float32, key (2, 7, 12) float32, value (2, 7, 12) float32, key_padding_mask (7, 2) bool
    """
    x, mask = t.ones(7, 2, 12), t.zeros(7, 2, dtype=t.bool)
    return t.nn.MultiheadAttention(12, 4)(x, x, x, key_padding_mask=mask.mT if right else mask)


def attention_of_keys_of_another_size(t, right):
    """RuntimeError: scaled_dot_product_attention: expected query and key of one last size, got (2, 4, 7, 8) and (2, 4,
    7, 6). Project them to one size.
    """
    q, k, v = t.ones(2, 4, 7, 8), t.ones(2, 4, 7, 8 if right else 6), t.ones(2, 4, 7, 8)
    return t.nn.functional.scaled_dot_product_attention(q, k, v)


def transformer_of_other_features(t, right):
    """AssertionError: layers.0.self_attn (MultiheadAttention): MultiheadAttention: was expecting embedding dimension
    of 12 for query, but got 10. Project it to 12 features.
    with src (7, 2, 10) float32
    """
    net = t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(12, 4, 16), 2)
    return net(t.ones(7, 2, 12 if right else 10))


def dropout_in_percent(t, right):
    """ValueError: Dropout: dropout probability has to be between 0 and 1, but got 50. Use e.g. p=0.5."""
    return t.nn.Dropout(0.5 if right else 50)


def reflection_wider_than_the_picture(t, right):
    """RuntimeError: pad: Argument #4: Padding size should be less than the corresponding input dimension, but got:
    padding (3, 3) at dimension 2 of input [1, 1, 3, 3]. Pad less.
    """
    x = t.ones(1, 1, 3, 3)
    return t.nn.ReflectionPad2d(2 if right else 3)(x)


def interpolation_by_an_unknown_mode(t, right):
    """NotImplementedError: interpolate: Input Error: Only 3D, 4D and 5D input Tensors supported (got 4D) for the
    modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got linear). Use 'nearest'.
    with input (1, 3, 4, 4) float32
    """
    x = t.ones(1, 3, 4, 4)
    return t.nn.functional.interpolate(x, scale_factor=2, mode="nearest" if right else "linear")


def pixels_shuffled_by_another_factor(t, right):
    """RuntimeError: pixel_shuffle: pixel_shuffle expects its input's 'channel' dimension to be divisible by the square
    of upscale_factor, but input.size(-3)=6 is not divisible by 4. Change the channels.
    with input (1, 6, 3, 3) float32
    """
    x = t.ones(1, 8 if right else 6, 3, 3)
    return t.nn.PixelShuffle(2)(x)


def classes_as_floats(t, right):
    """RuntimeError: cross_entropy: Expected floating point type for target with class probabilities of shape (4, 3),
    got (4,). Convert class indices with .long().
    """
    scores, target = t.ones(4, 3), t.tensor([0.0, 1.0, 2.0, 0.0])
    return t.nn.CrossEntropyLoss()(scores, target.long() if right else target)


def classes_past_the_end(t, right):
    """IndexError: cross_entropy: Target 3 is out of bounds, expected classes from 0 to 2. Count classes from 0.
    with input (4, 3) float32, target (4,) int64
    """
    scores, target = t.ones(4, 3), t.tensor([1, 2, 3, 1])
    return t.nn.CrossEntropyLoss()(scores, target - 1 if right else target)


def classes_of_another_batch(t, right):
    """ValueError: cross_entropy: Expected input batch_size (4) to match target batch_size (3). Give one class per row.
    with input (4, 3) float32, target (3,) int64
    """
    scores, target = t.ones(4, 3), t.tensor([0, 1, 2])
    return t.nn.functional.cross_entropy(scores, t.tensor([0, 1, 2, 0]) if right else target)


def classes_in_a_column(t, right):
    """RuntimeError: nll_loss: Expected target size [4], got [4, 1]. Reshape the target, e.g. with .squeeze(1) if it is
    a column.
    with input (4, 3) float32, target (4, 1) int64
    """
    scores, target = t.ones(4, 3), t.tensor([[0], [1], [2], [0]])
    return t.nn.functional.nll_loss(scores, target.squeeze(1) if right else target)


def likelihood_of_classes_as_floats(t, right):
    """RuntimeError: nll_loss: expected scalar type Long but found float32. Convert the target with .long().
    with input (2, 3) float32, target (2,) float32
    """
    scores, target = t.ones(2, 3), t.tensor([0.0, 1.0])
    return t.nn.functional.nll_loss(scores, target.long() if right else target)


def binary_loss_of_scores(t, right):
    """RuntimeError: binary_cross_entropy: all elements of input should be between 0 and 1, got others. Give scores to
    binary_cross_entropy_with_logits().
    with input (2,) float32, target (2,) float32
    """
    scores, target = t.tensor([2.0, -1.0]), t.tensor([1.0, 0.0])
    F = t.nn.functional
    return (F.binary_cross_entropy_with_logits if right else F.binary_cross_entropy)(scores, target)


def binary_loss_of_another_shape(t, right):
    """ValueError: binary_cross_entropy_with_logits: Target size (4,) must be the same as input size (4, 1). Reshape
    one with .view_as().
    """
    scores, target = t.ones(4, 1), t.ones(4)
    return t.nn.BCEWithLogitsLoss()(scores.view_as(target) if right else scores, target)


def binary_loss_of_integers(t, right):
    """RuntimeError: binary_cross_entropy: Found dtype int64 but expected float32 for the target. Convert it with
    .float().
    with input (4,) float32, target (4,) int64
    """
    chance, target = t.full((4,), 0.5), t.ones(4, dtype=t.int64)
    return t.nn.functional.binary_cross_entropy(chance, target.float() if right else target)


def loss_of_unlike_shapes(t, right):
    """RuntimeError: kl_div: expected shapes that broadcast together, got (4, 2) and (4, 3): the size 3 must match the
    size 2 at dimension 1. Make these sizes equal, or one of them 1.
    """
    x, target = t.ones(4, 3), t.ones(4, 3 if right else 2)
    return t.nn.functional.kl_div(x, target, reduction="sum")


def a_reduction_that_does_not_exist(t, right):
    """ValueError: mse_loss: avg is not a valid value for reduction, expected 'none', 'mean' or 'sum'. Pass one of
    these.
    with input (4,) float32, target (4,) float32
    """
    x, target = t.ones(4), t.zeros(4)
    return t.nn.functional.mse_loss(x, target, reduction="mean" if right else "avg")


def weights_of_another_number_of_classes(t, right):
    """RuntimeError: cross_entropy: nll_loss: weight tensor should be defined either for all 3 classes or no classes
    but got weight tensor of shape: [2]. Give one number per class.
    with input (4, 3) float32, target (4,) int64, weight (2,) float32
    """
    scores, target = t.ones(4, 3), t.tensor([0, 1, 2, 0])
    return t.nn.functional.cross_entropy(scores, target, weight=t.ones(3 if right else 2))


def forward_with_too_many_arguments(t, right):
    """TypeError: Sequential.forward() takes 2 positional arguments but 3 were given. Call it with (input).
    with args [(2, 3) float32, (2, 3) float32]
    """
    net = t.nn.Sequential(t.nn.Linear(3, 4))
    x = t.ones(2, 3)
    return net(x) if right else net(x, x)


def forward_with_too_few_arguments(t, right):
    """TypeError: Bilinear.forward() missing 1 required positional argument: 'input2'. Call it with (input1, input2).
    with args [(4, 3) float32]
    """
    layer = t.nn.Bilinear(3, 3, 2)
    x = t.ones(4, 3)
    return layer(x, x) if right else layer(x)


def forward_that_is_not_defined(t, right):
    """NotImplementedError: Net.forward: expected the class to define it, got none. Define forward(self, input)."""

    class Net(t.nn.Module):
        def predict(self, x):
            return x

    net = Net()
    return net.predict(1) if right else net(1)


def layers_before_the_base_class(t, right):
    """AttributeError: Net: cannot assign 'layer' before Module.__init__() has run. Call super().__init__() first."""

    class Net(t.nn.Module):
        def __init__(self):
            if right:
                super().__init__()
            self.layer = t.nn.Linear(3, 4)

    return Net()


def a_layer_that_was_not_assigned(t, right):
    """AttributeError: Net: 'Net' object has no attribute 'second'. Assign it in __init__."""

    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = t.nn.Linear(3, 4)
            if right:
                self.second = t.nn.Linear(4, 2)

        def forward(self, x):
            return self.second(self.first(x))

    return Net()(t.ones(2, 3))


def the_classifier_of_a_network_of_ones_own(t, right):
    """RuntimeError: blocks.0.mix (Linear): linear: mat1 and mat2 shapes cannot be multiplied: expected input (*, 8)
    for weight (4, 8), got (2, 4). Build the layer with in_features=4.
    with input (2, 4) float32, weight (4, 8) float32, bias (4,) float32
    """

    class Block(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = t.nn.LayerNorm(4)
            self.mix = t.nn.Linear(4 if right else 8, 4)

        def forward(self, x):
            return x + self.mix(self.norm(x))

    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = t.nn.ModuleList([Block(), Block()])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    return Net()(t.ones(2, 4))


def weight_replaced_by_a_tensor(t, right):
    """TypeError: Linear: cannot assign 'Tensor' as parameter 'weight', expected facula.nn.Parameter or None. Wrap it:
    facula.nn.Parameter(tensor).
    with value (4, 3) float32
    """
    layer = t.nn.Linear(3, 4)
    weight = t.zeros(4, 3)
    layer.weight = t.nn.Parameter(weight) if right else weight


def list_of_what_is_no_module(t, right):
    """TypeError: add_module: expected a Module or None for '0', got function. Derive its class from facula.nn.Module."""
    return t.nn.ModuleList([t.nn.ReLU() if right else t.relu])


def sequence_past_the_end(t, right):
    """IndexError: Sequential: index 2 is out of range for Sequential of length 2. Use -2 to 1."""
    net = t.nn.Sequential(t.nn.ReLU(), t.nn.ReLU())
    return net[1 if right else 2]


def a_buffer_named_twice(t, right):
    """KeyError: BatchNorm1d: attribute 'forward' already exists. Choose another name.
    with tensor (3,) float32
    """
    layer = t.nn.BatchNorm1d(3)
    layer.register_buffer("mean" if right else "forward", t.zeros(3))


def state_of_another_network(t, right):
    """RuntimeError: load_state_dict: Error(s) in loading state_dict for Linear: size mismatch for weight: copying a
    param with shape facula.Size([5, 3]) from checkpoint, the shape in current model is facula.Size([4, 3]). size
    mismatch for bias: copying a param with shape facula.Size([5]) from checkpoint, the shape in current model is
    facula.Size([4]). Build the module as it was saved.
    """
    net, other = t.nn.Linear(3, 4), t.nn.Linear(3, 4 if right else 5)
    net.load_state_dict(other.state_dict())


def state_with_a_prefix(t, right):
    """RuntimeError: load_state_dict: Error(s) in loading state_dict for Sequential: Missing key(s) in state_dict:
    "0.weight", "0.bias". Unexpected key(s) in state_dict: "module.0.weight", "module.0.bias". Remove 'module.' from
    the keys.
    """
    net = t.nn.Sequential(t.nn.Linear(3, 4))
    state = {f"module.{name}": value for name, value in net.state_dict().items()}
    net.load_state_dict({name.removeprefix("module."): v for name, v in state.items()} if right else state)


def state_that_is_no_dict(t, right):
    """TypeError: load_state_dict: expected a mapping of names to tensors, got Linear. Pass what state_dict() or
    facula.load() returned.
    """
    net = t.nn.Linear(3, 4)
    net.load_state_dict(net.state_dict() if right else net)


def initialisation_of_a_bias_by_its_fan(t, right):
    """ValueError: xavier_uniform_: fan in and fan out: expected a tensor of at least 2 dimensions, got shape (4,).
    Initialise biases with zeros_.
    """
    layer = t.nn.Linear(3, 4)
    return t.nn.init.zeros_(layer.bias) if right else t.nn.init.xavier_uniform_(layer.bias)


def training_with_a_word(t, right):
    """ValueError: train: training mode is expected to be boolean, got 'eval'. Pass True or False."""
    return t.nn.ReLU().train(False if right else "eval")
