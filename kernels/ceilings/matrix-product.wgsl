// The ceiling of matrix units: products of matrices that are registers already.
//   y[g] = the first value of the sum of 8 matrices, each after rounds[0] times  s = s + left * right  with all values 1/16 and 1
// rounds   (1)   u32
// y        (workgroups)  f32
// matrices  f16 16 x 16 x 16, f16 8 x 16 x 16, f16 8 x 8 x 8, f32 8 x 8 x 8
// subgroupLanes  the device's
// A workgroup is four subgroups, each with 8 sums that depend on none of the others.
// 64 * matrixRows * matrixColumns * matrixDepth operations a workgroup and round.

// shared/matrix-units
enable subgroups;
enable chromium_experimental_subgroup_matrix;

// Tint cannot prove that a subgroup's lanes agree on its number, so its check is off.
diagnostic(off, chromium.subgroup_matrix_uniformity);

alias stored = f32;

// What the units multiply, by the device: (matrixRows, matrixDepth) times (matrixDepth, matrixColumns), into f32.
alias component = f32;
const componentBytes = 4u;
// The bits of four of them.
alias ComponentBits = vec4<u32>;
const matrixRows = 8u;
const matrixColumns = 8u;
const matrixDepth = 8u;
alias LeftMatrix = subgroup_matrix_left<component, matrixDepth, matrixRows>;
alias RightMatrix = subgroup_matrix_right<component, matrixColumns, matrixDepth>;
alias SumMatrix = subgroup_matrix_result<f32, matrixColumns, matrixRows>;

// Four values, or zeros: chosen as whole words, not half by half.
fn keptIf(isKept: bool, value: vec4<component>) -> vec4<component> {
  return bitcast<vec4<component>>(select(ComponentBits(0u), bitcast<ComponentBits>(value), isKept));
}
// end of shared/matrix-units

override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

@group(0) @binding(0) var<storage, read> rounds: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> lefts: array<component, matrixRows * matrixDepth>;
var<workgroup> rights: array<component, matrixDepth * matrixColumns>;
var<workgroup> sums: array<f32, 4u * matrixRows * matrixColumns>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < matrixRows * matrixDepth; i += threads) {
    lefts[i] = component(0.0625);
  }
  for (var i = lane; i < matrixDepth * matrixColumns; i += threads) {
    rights[i] = component(1.0);
  }
  workgroupBarrier();
  let left = subgroupMatrixLoad<LeftMatrix, row_major>(&lefts, 0u, matrixDepth);
  let right = subgroupMatrixLoad<RightMatrix, row_major>(&rights, 0u, matrixColumns);
  var products: array<SumMatrix, 8>;
  for (var round = 0u; round < rounds[0]; round++) {
    for (var i = 0u; i < 8u; i++) {
      products[i] = subgroupMatrixMultiplyAccumulate(left, right, products[i]);
    }
  }
  // Matrices cannot be indexed by a loop: each round stores the first one and moves the others up.
  let own = lane / subgroupLanes % 4u * matrixRows * matrixColumns;
  var sum = 0.0;
  for (var m = 0u; m < 8u; m++) {
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&sums, own, products[0], matrixColumns);
    workgroupBarrier();
    sum += sums[0];
    for (var i = 0u; i < 7u; i++) {
      products[i] = products[i + 1u];
    }
  }
  if (lane == 0u) {
    y[group.x] = sum;
  }
}
