for (var k = 0u; k < stepInputs; k += matrixDepth) {
  var right: array<RightMatrix, acrossColumns>;
  for (var j = 0u; j < acrossColumns; j++) {
    right[j] = subgroupMatrixLoad<RightMatrix, row_major>(&weights, (k * tileColumns + quarterColumn + j * matrixColumns) / 4u, tileColumns / 4u);
  }
  for (var i = 0u; i < acrossRows; i++) {
    let left = subgroupMatrixLoad<LeftMatrix, row_major>(&inputs, ((quarterToken + i * matrixRows) * stepInputs + k) / 4u, stepInputs / 4u);
    for (var j = 0u; j < acrossColumns; j++) {
      products[i * acrossColumns + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * acrossColumns + j]);
    }
  }
}
