for (var k = 0u; k < stepInputs; k += matrixDepth) {
  var right: array<RightMatrix, acrossColumns>;
  for (var j = 0u; j < acrossColumns; j++) {
    right[j] = subgroupMatrixLoad<RightMatrix, col_major>(&weights, ((subgroupColumn + j * matrixColumns) * stride + k) / 4u, stride / 4u);
  }
  for (var i = 0u; i < acrossRows; i++) {
    let left = subgroupMatrixLoad<LeftMatrix, row_major>(&inputs, ((subgroupRow + i * matrixRows) * stride + k) / 4u, stride / 4u);
    for (var j = 0u; j < acrossColumns; j++) {
      products[i * acrossColumns + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * acrossColumns + j]);
    }
  }
}
