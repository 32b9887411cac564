for (var k = 0u; k < stepInputs; k += matrixSide) {
  var right: array<subgroup_matrix_right<f16, matrixSide, matrixSide>, across>;
  for (var j = 0u; j < across; j++) {
    right[j] = subgroupMatrixLoad<subgroup_matrix_right<f16, matrixSide, matrixSide>>(&weights, k * tileColumns + quarterColumn + j * matrixSide, false, tileColumns);
  }
  for (var i = 0u; i < across; i++) {
    let left = subgroupMatrixLoad<subgroup_matrix_left<f16, matrixSide, matrixSide>>(&inputs, (quarterToken + i * matrixSide) * stepInputs + k, false, stepInputs);
    for (var j = 0u; j < across; j++) {
      products[i * across + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * across + j]);
    }
  }
}
