"""lgamma, digamma and trigamma as native code: known values, next to their roots, and negative arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from codegen.gamma_reference import gamma_functions
from codegen.test_vecmath import ACCURATE, FORMS, GAMMA, native, ulps

from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.vecmath import ULP
from graphc.ir.ops import gamma

Array = np.ndarray[Any, Any]

POINTS = {  # x: (lgamma, digamma, trigamma), computed with 40 digits; the two at 1.46163 enclose the root of digamma
    1e-8: (18.420680738180208884, -100000000.57721564636, 10000000000000001.226),
    0.25: (1.2880225246980774574, -4.2274535333762654081, 17.197329154507110739),
    0.999: (0.00057803853289138023817, -0.57886180210864542792, 1.6473414317770505536),
    1.001: (-0.00057639359828330615152, -0.57557193181030065237, 1.642533195868978297),
    1.2: (-0.085374090003315836884, -0.28903989659218835183, 1.2673772054237791889),
    1.46: (-0.12148500100400742945, -0.0015805619870834521062, 0.96911962150988789455),
    1.4616321449683622: (-0.1214862905358496081, -9.2412655217294275168e-17, 0.967672245447621255),
    1.4616321449683625: (-0.1214862905358496081, 1.2245374622004069031e-16, 0.96767224544762105837),
    1.5: (-0.12078223763524522235, 0.036489973978576520559, 0.93480220054467930942),
    1.999: (-0.00042246180069210728418, 0.42213919889235564562, 0.6453384277720444999),
    2.001: (0.00042310673480011699119, 0.42342906719069845854, 0.64453019986398407044),
    2.4999: (0.28461255726068263571, 0.7031076036885754831, 0.49038137762498062673),
    2.5: (0.28468287047291915963, 0.70315664064524318723, 0.49035775610023486497),
    9.25: (11.14340011995171247, 2.1695966825786158612, 0.11416188455670625687),
    171.5: (709.14316303092824227, 5.1416649814339996289, 0.0058479365506103837617),
    1e10: (220258509288.81058147, 23.02585092989045684, 1.00000000005e-10),
    1e200: (4.5951701859880912287e202, 460.51701859880913677, 1e-200),
    -0.25: (1.5895753125511859903, 2.9141391202135278304, 18.541879647671606498),
    -1.5: (0.86004701537648101451, 0.70315664064524318723, 9.3792466449891237539),
    -10.3: (-14.457515440024208334, 4.6624034935820870175, 14.98688706572263782),
}
X = np.array(list(POINTS))


def exact(name: str) -> Array:
    return np.array([values[GAMMA.index(name)] for values in POINTS.values()])


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("name", GAMMA)
def test_known_values(name, features):
    error = ulps(native(name, features, X), exact(name))
    assert error.max() <= ULP[name][1] + 0.5, X[error.argmax()]


@pytest.mark.parametrize("name", GAMMA)
def test_the_rules_of_numpy_at_known_values(name):
    np.testing.assert_allclose(getattr(gamma, name)(X), exact(name), rtol=1e-13, atol=2e-15)


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", ACCURATE)
@pytest.mark.parametrize("name", GAMMA)
def test_negative_arguments(name, dtype, features):
    """Beside positive ones in a vector; in units of the larger of 1, the result and the function at 1 - x."""
    r, which = np.random.default_rng(5), GAMMA.index(name)
    x = np.concatenate([r.uniform(-1, 0, 500), r.uniform(-40, 5, 1500), -(2.0 ** r.uniform(-60, 20, 500))])
    x = r.permutation(x).astype(numpy_dtype(dtype))
    more = x.astype(np.float64 if dtype == "f32" else np.longdouble)
    want, other = gamma_functions(more)[which], gamma_functions(1 - more)[which]
    unit = np.spacing(np.maximum(np.maximum(np.abs(want), np.abs(other)), 1).astype(x.dtype))
    got = native(name, features, x)
    with np.errstate(invalid="ignore"):
        error = np.where(got == want, 0, np.abs(got - want) / unit)
    error[np.isnan(got) & np.isnan(want)] = 0
    worst = int(error.argmax())
    assert error[worst] <= ULP[name][dtype == "f64"] + 0.1, x[worst]


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_poles_and_infinities(dtype, features):
    x = np.array([0, -0.0, -1, -2, -37, -1e30, math.inf, -math.inf, math.nan], numpy_dtype(dtype))
    with np.errstate(invalid="ignore"):
        for name in GAMMA:
            np.testing.assert_array_equal(native(name, features, x), getattr(gamma, name)(x))


def test_lgamma_is_infinite_where_it_overflows():
    x = np.array([2.5e305, 2.6e305])
    assert np.isinf(gamma.lgamma(x)).tolist() == [False, True]
    assert all(np.isinf(native("lgamma", f.values[0], x)).tolist() == [False, True] for f in FORMS if not f.marks)
