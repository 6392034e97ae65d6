# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory of one fit, in a process of its own. Run by growth.py; prints bytes of the data, and beyond them."""

import json
import sys
import warnings

from growth import Problem
from memory import highest, resident

warnings.simplefilter("ignore")  # fits that have not converged
asked, dtype = json.loads(sys.argv[1]), sys.argv[2]
problem = Problem(**asked)
small = Problem(tuple(min(size, 4) for size in problem.units), 100, 10)
small.model(1).fit(*small.make_data(dtype))  # what is loaded once and for all
before = resident()
X, y = problem.make_data(dtype)
problem.model(1).fit(X, y)
data = X.nbytes + y.nbytes
print([data, highest() - before - data])
