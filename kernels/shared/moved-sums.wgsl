for (var i = 0u; i < 7u; i++) {
  sumA[i] = sumA[i + 1u];
  sumB[i] = sumB[i + 1u];
}
