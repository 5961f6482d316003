"""How a recurrence is run: in which loops, in which order, with what kept.

`recurrence` is the way in. It checks what it is given (`argument_checks`), picks a
loop, and hands it with its gradient to the backend (`custom_gradient`). `by_autodiff`
takes any step function and leaves the gradient to the backend.

- `portable/`: one loop over time, on every backend. `portable/loop.py` is the file
  to read.
- `tensorflow_cpu/`: the same in blocks, for TensorFlow's graphs on processors. Only
  what is fast there is different; the equations are the same objects.
- `pytorch_native`: PyTorch's own kernel, which layers take where it can do all that is
  asked for.
- `results`: what goes in and comes out, `Given` and `Results`.
- `products`: the products with the recurrent matrices, in the fastest layout.
- `shown_gates`: the gates as users see them.
- `callers`: who called, where only that tells: a converter, saving, a wrapper.

The equations themselves stand in `keras_seq.ops._derived`.

# The words

| word | what it is |
|---|---|
| state | what a step hands to the next: h, of an LSTM h and c |
| z | the projected input x_t W + b, of all steps in one product |
| counts | True where a step is not masked; a masked one is *skipped* |
| kept | what `step` keeps of a step, for its gradient or to be shown: the gates |
| shown | what the caller asked to see, also of masked steps: see below |
| probe | zero, added to a state by who wants to know the gradient there |
| errors | ∂L/∂(something), δ in equations, `d_` in names |
| factors | what `back` multiplies errors by, computed for many steps at once |
| passed | the factor of a δh that passes a masked step: 1 there, else 0 |
| on_... | an error that enters from what is shown, among the factors |
| aside | factors that the loop backwards doesn't need, but `finish` does |
| emitted | the errors that `back` finds in a step, one after the other |
| finished | what `gather` needs: errors of many steps, after the loop over them |
| totals | the errors of a step's states along all paths, for `back` and probes |

And in `tensorflow_cpu`:

| word | what it is |
|---|---|
| part | half of the rows of the batch, or all of them |
| block | as many steps of a part as make about 1,024 rows of a matrix |
| turn | of the innermost loop: 8 steps of a block, or one of the rest |
| listed | what a turn puts into lists, for gradient or results: kept and states |

# A masked step, forwards and backwards

Three steps of a batch of one, one unit, no activation: h_t = z_t + 2 h_{t-1}, where
the second step is masked. What z_2 is doesn't matter.

>>> import numpy as np
>>> from keras import activations, ops
>>> from keras_seq.ops._derived import SimpleRNN
>>> from keras_seq.ops._derived.slopes import slope_of
>>> linear = activations.linear
>>> equations = SimpleRNN(linear, slope_of(linear), show=False)
>>> def steps(*numbers):
...     return ops.reshape(ops.convert_to_tensor(numbers), (3, 1, 1))
>>> def numbers(x):
...     return ops.convert_to_numpy(x).ravel().tolist()
>>> z, counts = steps(1.0, 9.0, 3.0), steps(True, False, True)
>>> weights = equations.Weights(U=ops.convert_to_tensor([[2.0]]))
>>> initial = equations.State(h=ops.zeros((1, 1)))

**Forwards** (`portable.loop.forward`). `step` computes a state from the one before,
and `skipped` puts the one before in its place where the step is masked:

    h_1 = 1 + 2 · 0 = 1,   h_2 = h_1 = 1,   h_3 = 3 + 2 · 1 = 5

>>> from keras_seq.ops._engine.portable.loop import backward, forward
>>> final, run = forward(equations, z, initial, weights, counts, None, keep=True)
>>> numbers(run.states.h), numbers(final.h)
([1.0, 1.0, 5.0], [5.0])

Nothing is kept here beside the states: φ' is known from h. An LSTM keeps its four
gates.

**The factors**, of all steps at once, before the loop backwards. `to_z` is φ'(z_t),
here 1, and 0 where the step is masked: nothing gets to z_2. `passed` is the
opposite: there δh passes as it is.

>>> from keras_seq.ops._engine.portable.loop import shifted
>>> before = shifted(initial, run.states)
>>> numbers(before.h)
[0.0, 1.0, 1.0]
>>> factors, aside = equations.factors(before, run.states, run.kept, counts, None)
>>> numbers(factors.to_z), numbers(factors.passed), aside
([1.0, 0.0, 1.0], [0.0, 1.0, 0.0], None)

**Backwards**, for the loss L = h_1 + h_2 + h_3: each h_t has an error of 1 of its
own, and what comes from behind, 0 at the end, is added to it. `back` gives

    δz_t = δh_t · to_z,   δh_{t-1} = 2 δz_t + δh_t · passed

    t = 3: δh_3 = 0 + 1 = 1,   δz_3 = 1,   δh_2 = 2 · 1         = 2
    t = 2: δh_2 = 2 + 1 = 3,   δz_2 = 0,   δh_1 = 2 · 0 + 3 · 1 = 3
    t = 1: δh_1 = 3 + 1 = 4,   δz_1 = 4,   δh_0 = 2 · 4         = 8

>>> from keras_seq.ops._engine.results import Results
>>> errors = Results(final=initial, h=steps(1.0, 1.0, 1.0), shown=None)
>>> found = backward(equations, initial, run, weights, counts, errors, totals=True)
>>> numbers(found.z), numbers(found.initial.h)
([4.0, 0.0, 1.0], [8.0])

**Behind the loop** stand the large products. The δz_t were `Emitted` step by step;
`finish` makes of them what `gather` needs, here nothing more (of a GRU, whose reset
gate splits the error of its candidate, two arrays), and `gather` gives

    ∂L/∂U = Σ_t h_{t-1} δz_t = 0 · 4 + 1 · 0 + 1 · 1 = 1

>>> numbers(found.weights.U)
[1.0]

∂L/∂W = Σ_t x_t δz_t and ∂L/∂b = Σ_t δz_t follow likewise, from one product over all
steps, and δx_t = δz_t Wᵀ. A probe of h_t has the error δh_t, 0 where the step is
masked, since a masked step adds no probe: the `totals`.

>>> numbers(found.states.h)
[4.0, 0.0, 1.0]

**An LSTM** does the same with two states and four gates. At a masked step its gates
are computed and kept like any other's, and `skipped` puts h and c back. So `Shown`
has gates there that mean nothing: `named_gates`, which stands around it all, makes
them 0, and with them their errors. The cell that is shown there is c_{t-1}, and its
error, `on_c`, is the one factor that no mask touches. The others are, of that step,

    to_z = 0,   to_c = 0,   to_c_prev = 1 (else f),   passed = 1,   on_z = 0

so δz_t = 0, δh_{t-1} = δh_t and δc_{t-1} = δc_t + on_c. (In a GRU `to_h_prev`, which
is z_t of other steps, is 1 there and does what `passed` does.) Of the errors of a
step the engine adds δh_t, its own and what comes from later steps; the equations add
what is shown of it.

**A second derivative** runs `plain` (in `recurrence`) instead: the same equations in
`by_autodiff`, differentiated twice by the backend; but JAX differentiates the methods
of the equations themselves.

`tensorflow_cpu` does the same in another order. Forwards, a turn of the innermost
loop computes 8 steps and puts their states, and what was kept, into lists as one
item. Backwards, it takes an item, computes the factors of these 8 steps, runs `back`
8 times, and lists what is finished. A block's large products follow when its turns
are over, and the products of all blocks, and of both parts, are added.
"""

from keras_seq.ops._engine.portable.autodiff import by_autodiff
from keras_seq.ops._engine.recurrence import recurrence
from keras_seq.ops._engine.shown_gates import named_gates

__all__ = ["by_autodiff", "named_gates", "recurrence"]
