// Only square matrices are taken. Those of a subgroup's queries, of a run of keys, and of a head.
const side = matrixRows;
const run = 16u;
const across = run / side;
const keyMatrices = 32u / side;
const headMatrices = 64u / side;

// By the subgroup's lanes: rows of a lane, lanes of a row, and vec4s of keys (or of half the channels) of a lane in each of its rows.
override laneRows: u32 = (run + subgroupLanes - 1u) / subgroupLanes;
override rowLanes: u32 = laneRows * subgroupLanes / run;
override laneVectors: u32 = 8u / rowLanes;
const mostRows = 2u;
const mostVectors = 8u;

// Blocks of 4 keys x 4 channels of a run, and those of an invocation; a workgroup has at least 32.
const blocks = 128u;
const mostBlocks = 4u;
override ownBlocks: u32 = blocks / threads;

// vec4s of a row: of channels, of keys, and of f32; each 16 bytes longer than needed, so that rows begin in other banks.
const channelStride = 18u;
const keyStride = 10u;
const logitStride = 9u;

// Four channels of what begins there; zeros beyond the head.
fn componentsAt(at: u32, c: u32) -> vec4<component> {
  let isInside = headWidth == 64u || c < headWidth / 4u;
  return keptIf(isInside, vec4<component>(qkv[select(0u, at + c, isInside)]));
}
