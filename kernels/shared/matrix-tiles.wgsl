// Matrices of sums of a subgroup.
const acrossRows = 2u;
const acrossColumns = 4u;
// And of the workgroup's 8 subgroups, in values.
const productRows = 8u * matrixRows;
const productColumns = 8u * matrixColumns;

const stepInputs = 64u / componentBytes;
const stride = stepInputs + 16u / componentBytes;

// What an invocation carries of a step: vec4s of inputs, and blocks of 4 inputs x 4 columns of the weights; an array holds what
// falls to each of the fewest that a workgroup has, 64.
const inputCount = productRows * stepInputs / 4u;
const blockCount = productColumns * stepInputs / 16u;
const mostInputs = inputCount / 64u;
const mostBlocks = blockCount / 64u;
override ownInputs: u32 = (inputCount + threads - 1u) / threads;
override ownBlocks: u32 = (blockCount + threads - 1u) / threads;

// (productRows, stride) and (productColumns, stride), of which a step's inputs are used.
var<workgroup> inputs: array<vec4<component>, productRows * stride / 4u>;
var<workgroup> weights: array<vec4<component>, productColumns * stride / 4u>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<vec4<f32>, 2u * matrixRows * matrixColumns>;

// A block's first input and its vec4 of columns: neighbouring lanes have 8 vec4s of columns of 4 blocks of inputs.
fn blockInput(i: u32) -> u32 {
  return (i / productColumns * 4u + i / 8u % 4u) * 4u;
}

fn blockColumn(i: u32) -> u32 {
  return i % 8u + i / 32u % (productColumns / 32u) * 8u;
}
