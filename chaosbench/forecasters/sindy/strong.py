"""SINDy: a sparse polynomial equation identified from the data and integrated as the forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from chaosbench.errors import ParameterError
from chaosbench.forecasters.sindy._identification import Library, SparseIdentification
from chaosbench.forecasters.sindy._sparse_regression import polynomial_powers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaosbench.trajectories import FloatArray

__all__ = ["SINDy"]


@dataclass(frozen=True)
class SINDy(SparseIdentification):
    """Sparse identification of nonlinear dynamics [brunton2016], with pysindy's library and STLSQ.

    Let u be the variables divided by their training standard deviations (not centred: a shift would
    make a sparse polynomial dense) and Θ all monomials up to `degree`. Then

        du/dt = Θ(u) C      or, for maps,      u(t+1) = Θ(u(t)) C,

    where C is sparse: least squares alternates with the removal of terms whose share of their
    equation is below `threshold`. The share is the root mean square of the term over that of the
    derivative. Vector fields are fitted in the weak form [messenger2021]. The remaining
    coefficients are refined by Gauss–Newton on the flow over one sampling step, which removes the
    bias of the quadrature.

    Settings that are None, and some others, are chosen by closed-loop forecasts of the last 15% of
    the training data: map or vector field, the threshold (0.1, 0.03, 0.01 or 0.001), the degree
    (`degree` or one less), and whether to use the refinement (it does not help on noisy data). Of
    equal candidates the sparser wins. Its coefficients are then fitted again to all training data.

    The number of terms p = C(d + k, k) is limited by `max_terms`, and by half the number of
    training points, through a lower degree k: at the default settings k is 2 from 17 variables on
    and 1 from 44 on. No equation keeps more than 100 terms. The forecast integrates the equation
    for all windows together with DOP853 steps; their number per sampling step is such that halving
    them changes nothing. pysindy's own `simulate` is not used.

    Cost: O(min(nT, 6p) p²) time and O(p² + nTd) memory to fit, then 12 evaluations of the remaining
    terms, O(active terms · d), per substep and window to forecast. It fails where the equation is
    not a sparse polynomial of the observed variables (trigonometric or rational terms, hidden
    variables), by escape to infinity outside the training data, and under strong noise.

    Attributes:
        degree: highest degree of a monomial.
        threshold: smallest share of a term in its equation, or None to choose it.
        discrete: True for a map, False for a vector field, or None to choose.
        half_width: samples on each side of the centre of a weak-form window, or None to choose it.
        refine: whether to try the Gauss–Newton refinement.
        max_terms: largest number of monomials.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "threshold": (0.001, 0.01, 0.03, 0.1, 0.3),
            "degree": (2, 3, 4, 5),
            "half_width": (4, 8, 12),
        }
    )

    def _libraries(
        self,
        u: FloatArray,
        *,
        discrete: bool,  # noqa: ARG002
        half_width: int,  # noqa: ARG002
    ) -> Iterator[Library]:
        n, length, d = u.shape
        if d + 1 > self.max_terms:
            raise ParameterError(
                f"{self._who}: a linear equation of {d} variables has {d + 1} terms; "
                f"raise max_terms={self.max_terms}"
            )
        bound = min(self.max_terms, n * length // 2)
        affordable = [k for k in range(1, self.degree + 1) if comb(d + k, k) <= bound] or [1]
        for degree in affordable[-2:]:
            yield polynomial_powers(d, degree), None
