for (var k = 0u; k < stepInputs; k++) {
  let a = weights[columnsA + k * tileColumns4];
  let b = weights[columnsB + k * tileColumns4];
  let near = rowsNear + k * rowStride;
  let far = rowsFar + k * rowStride;
  for (var r = 0u; r < 4u; r++) {
    sumA[r] = fma(vec4<f32>(inputs[near + r]), a, sumA[r]);
    sumB[r] = fma(vec4<f32>(inputs[near + r]), b, sumB[r]);
    sumA[r + 4u] = fma(vec4<f32>(inputs[far + r]), a, sumA[r + 4u]);
    sumB[r + 4u] = fma(vec4<f32>(inputs[far + r]), b, sumB[r + 4u]);
  }
}
