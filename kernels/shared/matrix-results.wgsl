// Matrices cannot be indexed by a loop: each round stores the first one and moves the others up.
let own = subgroup * matrixRows * matrixColumns / 4u;
for (var m = 0u; m < acrossRows * acrossColumns; m++) {
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&sums, own, products[0], matrixColumns / 4u);
  workgroupBarrier();
  for (var i = subgroupLane; i < matrixRows * matrixColumns / 4u; i += subgroupLanes) {
    let row = firstRow + subgroupRow + (m / acrossColumns) * matrixRows + i / (matrixColumns / 4u);
    let column = firstColumn + (subgroupColumn + (m % acrossColumns) * matrixColumns) / 4u + i % (matrixColumns / 4u);
    storeSum(row, column, sums[own + i]);
  }
  for (var i = 0u; i + 1u < acrossRows * acrossColumns; i++) {
    products[i] = products[i + 1u];
  }
}
