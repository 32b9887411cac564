// A workgroup has this many times 2 subgroups,
const subgroupRows = 4u;
// each with so many matrices of sums,
const acrossRows = 2u;
const acrossColumns = 4u;
// which is this many values of all.
const productRows = subgroupRows * acrossRows * matrixRows;
const productColumns = 2u * acrossColumns * matrixColumns;

const stepInputs = 64u / componentBytes;
const stride = stepInputs + 16u / componentBytes;

// What an invocation carries of a step: vec4s of inputs, and blocks of 4 inputs x 4 columns of the weights; an array holds what
// falls to each of the fewest that a workgroup has, those of subgroups of 8 lanes.
const fewestThreads = 16u * subgroupRows;
const inputCount = productRows * stepInputs / 4u;
const blockCount = productColumns * stepInputs / 16u;
const mostInputs = inputCount / fewestThreads;
const mostBlocks = blockCount / fewestThreads;
override ownInputs: u32 = (inputCount + threads - 1u) / threads;
override ownBlocks: u32 = (blockCount + threads - 1u) / threads;

// (productRows, stride) and (productColumns, stride), of which a step's inputs are used.
var<workgroup> inputs: array<vec4<component>, productRows * stride / 4u>;
var<workgroup> weights: array<vec4<component>, productColumns * stride / 4u>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<vec4<f32>, subgroupRows * matrixRows * matrixColumns / 2u>;

// A block's first input and its vec4 of so many columns: neighbouring lanes have 8 vec4s of columns of 4 blocks of inputs.
fn blockInput(i: u32, columns: u32) -> u32 {
  return (i / columns * 4u + i / 8u % 4u) * 4u;
}

fn blockColumn(i: u32, columns: u32) -> u32 {
  return i % 8u + i / 32u % (columns / 32u) * 8u;
}
