# Values of R for tests/backend/statistics/test_r_values.py: Rscript r_values.R > r_values.json
# R 4.2.2 with vegan for the Mantel statistic; everything else is in base R.
suppressPackageStartupMessages(library(vegan))
set.seed(7)
options(digits = 17)
list_of <- function(v) paste0("[", paste(sprintf("%.17g", v), collapse = ", "), "]")
entry <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\": %s", names(parts), unlist(parts)), collapse = ", "), "}")
}
out <- c()
add <- function(.case, ...) out <<- c(out, sprintf("  \"%s\": %s", .case, entry(...)))

for (k in 1:4) {
  d <- round(rnorm(c(5, 8, 12, 16)[k], 0.3, 1), 6)
  less <- wilcox.test(d, alternative = "less", exact = TRUE)$p.value
  greater <- wilcox.test(d, alternative = "greater", exact = TRUE)$p.value
  ci <- t.test(d)$conf.int
  limit <- t.test(d, conf.level = 0.9)$conf.int
  flips <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d)))) %*% d
  add(sprintf("paired %d", k), d = list_of(d), less = sprintf("%.17g", less), greater = sprintf("%.17g", greater),
      low = sprintf("%.17g", ci[1]), high = sprintf("%.17g", ci[2]), margin = sprintf("%.17g", max(abs(limit))),
      flip_less = sprintf("%.17g", mean(flips <= sum(d) + 1e-12)))
}
for (k in 1:3) {
  a <- round(rnorm(c(4, 6, 7)[k]), 6)
  b <- round(rnorm(c(5, 6, 4)[k], 0.5), 6)
  add(sprintf("two samples %d", k), a = list_of(a), b = list_of(b),
      less = sprintf("%.17g", wilcox.test(a, b, alternative = "less", exact = TRUE)$p.value),
      greater = sprintf("%.17g", wilcox.test(a, b, alternative = "greater", exact = TRUE)$p.value))
}
for (k in 1:3) {
  n <- c(8, 15, 30)[k]
  z <- round(rnorm(n), 2)
  x <- round(z + rnorm(n), 1)
  y <- round(x - z + rnorm(n), 1)
  rx <- rank(x); ry <- rank(y); rz <- rank(z)
  add(sprintf("correlation %d", k), x = list_of(x), y = list_of(y), z = list_of(z),
      spearman = sprintf("%.17g", cor(x, y, method = "spearman")),
      kendall = sprintf("%.17g", cor(x, y, method = "kendall")),
      partial = sprintf("%.17g", cor(resid(lm(rx ~ rz)), resid(lm(ry ~ rz)))))
}
p <- c(0.0001, 0.004, 0.019, 0.019, 0.095, 0.2, 0.27, 0.34, 0.46, 1)
add("adjusted", p = list_of(p), by = list_of(p.adjust(p, "BY")))
for (k in 1:3) {
  n <- c(5, 10, 20)[k]
  level <- c(0.05, 0.05, 0.01)[k]
  found <- power.t.test(n = n, power = 0.8, sig.level = level, type = "one.sample", alternative = "one.sided")$delta
  add(sprintf("power %d", k), n = sprintf("%d", n), level = sprintf("%.17g", level), size = sprintf("%.17g", found))
}
for (k in 1:2) {
  n <- c(6, 12)[k]
  a <- as.matrix(dist(matrix(rnorm(3 * n), n)))
  b <- a + as.matrix(dist(matrix(rnorm(2 * n), n)))
  r <- mantel(as.dist(a), as.dist(b), method = "spearman", permutations = 9999)
  add(sprintf("mantel %d", k), n = sprintf("%d", n), a = list_of(a), b = list_of(b),
      rho = sprintf("%.17g", r$statistic), p = sprintf("%.17g", r$signif))
}
for (k in 1:3) {
  one <- c(3, 12, 40)[k]; two <- c(9, 12, 21)[k]
  add(sprintf("mcnemar %d", k), one = sprintf("%d", one), two = sprintf("%d", two),
      p = sprintf("%.17g", binom.test(one, one + two)$p.value))
}
cat("{\n", paste(out, collapse = ",\n"), "\n}\n", sep = "")
