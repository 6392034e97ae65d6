# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn estimators: validate, encode, build, train, decode. Everything else is done by the layers below."""
