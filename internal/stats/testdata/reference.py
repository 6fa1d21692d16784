# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes reference.json: values of scipy and statsmodels that golden_test.go
compares this package with. Run it in a virtual environment:

    python3 -m venv build/stats && build/stats/bin/pip install scipy statsmodels
    build/stats/bin/python internal/stats/testdata/reference.py > internal/stats/testdata/reference.json
"""

import json

import numpy as np
import scipy
import statsmodels
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

rng = np.random.default_rng(20261125)


def tails():
    out = {"normal": [], "student": [], "student_quantile": [], "chi_square": [], "f": []}
    for z in [0, 1e-3, 0.5, 1.96, -3.5, 8, 20, 37]:
        out["normal"].append([z, 2 * stats.norm.sf(abs(z))])
    for df in [1, 2, 4.5, 19, 199, 1e5]:
        for t in [0, 0.1, -1, 2.5, 12, 100]:
            out["student"].append([t, df, 2 * stats.t.sf(abs(t), df)])
        for p in [0.5, 0.9, 0.975, 0.9995, 0.01]:
            out["student_quantile"].append([p, df, stats.t.ppf(p, df)])
    for df in [1, 2, 5, 62]:
        for x in [1e-3, 0.5, 3.84, 20, 150]:
            out["chi_square"].append([x, df, stats.chi2.sf(x, df)])
    for d1, d2 in [(1, 1), (7, 72), (9, 990), (3.5, 12)]:
        for x in [0.01, 1, 2.2, 9, 60]:
            out["f"].append([x, d1, d2, stats.f.sf(x, d1, d2)])
    return out


def proportions():
    wilson, newcombe = [], []
    for k, n in [(0, 10), (10, 10), (3, 20), (190, 200), (999, 1000)]:
        for z in [1.0, 1.959963984540054, 3.2]:
            low, high = proportion_confint(k, n, alpha=2 * stats.norm.sf(z), method="wilson")
            wilson.append([k / n, n, z, low, high])
    for a, na, b, nb in [(56, 70, 48, 80), (9, 10, 3, 10), (0, 25, 0, 30), (30, 30, 29, 30), (950, 1000, 90, 100)]:
        for z in [1.959963984540054, 3.1]:
            low, high = confint_proportions_2indep(b, nb, a, na, method="newcomb", compare="diff", alpha=2 * stats.norm.sf(z))
            newcombe.append([a / na, na, b / nb, nb, z, low, high])
    return wilson, newcombe


def fisher():
    out = []
    for t in [(8, 2, 1, 5), (0, 10, 4, 6), (3, 497, 1, 499), (20, 30, 25, 25), (0, 5, 0, 9), (4, 0, 0, 4), (2, 198, 1, 19)]:
        out.append(list(t) + [stats.fisher_exact([[t[0], t[1]], [t[2], t[3]]])[1]])
    return out


def homogeneity():
    out = []
    for a, b in [([10, 20, 30], [6, 25, 29]), ([100, 50], [80, 70]), ([5, 5, 5, 5], [50, 40, 45, 60]), ([7, 0, 93], [0, 9, 91])]:
        r = stats.chi2_contingency([a, b], correction=False)
        out.append({"a": a, "b": b, "chi_square": r.statistic, "df": int(r.dof), "p": r.pvalue})
    return out


def ranks():
    values = [3.5, -1, 3.5, 0, 7, 7, 7, 2]
    a = np.round(rng.normal(0, 2, 23)).tolist()
    b = np.round(rng.normal(1, 2, 17)).tolist()
    u = stats.mannwhitneyu(b, a).statistic
    return {
        "values": values, "ranks": stats.rankdata(values).tolist(),
        "a": a, "b": b, "superiority": u / (len(a) * len(b)),
        "van_elteren": van_elteren(),
    }


def van_elteren():
    """Two strata; the statistic is sum over strata of (W_s - E W_s)/(n_s+1), W_s
    the rank sum of arm 1 (van Elteren 1960; Lehmann, Nonparametrics, 1975)."""
    values, arm, stratum, total, num, den = [], [], [], 0.0, 0.0, 0.0
    for s, (na, nb) in enumerate([(9, 4), (6, 11)]):
        x = np.round(rng.normal(s, 1, na + nb), 1)
        g = np.array([0] * na + [1] * nb)
        r = stats.rankdata(x)
        total += (r[g == 1].sum() - nb * (na + nb + 1) / 2) / (na + nb + 1)
        u = stats.mannwhitneyu(x[g == 1], x[g == 0]).statistic
        w = na * nb / (na + nb)
        num, den = num + w * u / (na * nb), den + w
        values += x.tolist()
        arm += [bool(v) for v in g]
        stratum += [s] * (na + nb)
    return {"values": values, "arm": arm, "stratum": stratum, "statistic": abs(total), "superiority": num / den}


def multiple():
    p = [0.01, 0.04, 0.03, 0.005, 0.04, 0.5, 1.0]
    return {"p": p, "holm": multipletests(p, method="holm")[1].tolist(), "bh": multipletests(p, method="fdr_bh")[1].tolist()}


def clustered():
    """The difference of two arms with unequal cluster sizes. The variance of each
    arm's mean is statsmodels' cluster-robust one (CR1) of a regression on a
    constant; the guard of the smaller variance is docs/statistics.md's."""
    arms, own, df = [], [], []
    for clusters, spread in [(40, 1.0), (12, 0.2)]:
        rows = []
        for c in range(clusters):
            level = rng.normal(10, spread)
            for _ in range(rng.integers(1, 7)):
                rows.append([c, level + rng.normal(0, 0.5)])
        y = np.array([r[1] for r in rows])
        fit = sm.OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": np.array([r[0] for r in rows])})
        own.append(float(fit.cov_params()[0, 0]) * clusters)
        df.append(clusters - 1)
        arms.append({"rows": rows, "mean": float(fit.params[0]), "variance_of_mean": float(fit.cov_params()[0, 0]), "clusters": clusters})
    pool = sum(v * d for v, d in zip(own, df)) / sum(df)
    guarded = [max(v, (d * v + 50 * pool) / (d + 50)) for v, d in zip(own, df)]
    return {
        "arms": arms, "value": arms[1]["mean"] - arms[0]["mean"],
        "se": float(np.sqrt(sum(v / a["clusters"] for v, a in zip(guarded, arms)))), "df": min(df),
    }


def quantiles():
    values = rng.normal(0, 1, 14).tolist()
    return {"values": values, "p": [0, 0.05, 0.5, 0.95, 1], "quantiles": np.quantile(values, [0, 0.05, 0.5, 0.95, 1]).tolist(),
            "mean": float(np.mean(values)), "variance": float(np.var(values, ddof=1))}


def boundaries():
    """Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
    theory and asymptotic confidence sequences" (2021), Theorem 2.2 and the tuning
    of its Appendix B.2, written down a second time."""
    out = []
    for alpha in [0.05, 0.01]:
        rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / 400
        for m in [20, 150, 400, 3000]:
            half = np.sqrt((m * rho2 + 1) / (m**2 * rho2) * np.log((m * rho2 + 1) / alpha**2))
            out.append([m, alpha, float(half * np.sqrt(m))])
    return out


def distance():
    """The unbiased squared distance of two samples' mean vectors."""
    x, y = rng.normal(0, 1, (5, 6)), rng.normal(0.5, 1, (7, 6))
    xx, yy, xy = x @ x.T, y @ y.T, x @ y.T
    n, m = len(x), len(y)
    t = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean()
    return {"a": x.tolist(), "b": y.tolist(), "distance": float(t)}


wilson, newcombe = proportions()
print(json.dumps({
    "made_by": f"scipy {scipy.__version__}, statsmodels {statsmodels.__version__}, numpy {np.__version__}",
    "tails": tails(), "wilson": wilson, "newcombe": newcombe, "fisher": fisher(), "homogeneity": homogeneity(),
    "ranks": ranks(), "multiple": multiple(), "clustered": clustered(), "quantiles": quantiles(),
    "anytime": boundaries(), "distance": distance(),
}, indent=1))
