let own = subgroup * matrixRows * matrixColumns / 4u;
for (var m = 0u; m < acrossRows * acrossColumns; m++) {
  subgroupMatrixStore<row_major>(&sums, own, products[m], matrixColumns / 4u);
  workgroupBarrier();
  for (var i = subgroupLane; i < matrixRows * matrixColumns / 4u; i += subgroupLanes) {
    let token = firstToken + quarterToken + (m / acrossColumns) * matrixRows + i / (matrixColumns / 4u);
    let column = firstColumn + (quarterColumn + (m % acrossColumns) * matrixColumns) / 4u + i % (matrixColumns / 4u);
    storeSum(token, column, sums[own + i]);
  }
  workgroupBarrier();
}
