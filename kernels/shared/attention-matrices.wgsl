// Only square matrices are taken. Rows of a subgroup, and how many matrices those are; matrices of a run of 32 others, and of a head.
const matrixSide = matrixRows;
const ownRows = 16u;
const across = ownRows / matrixSide;
const keyMatrices = 32u / matrixSide;
const headMatrices = 64u / matrixSide;

// By the subgroup's lanes: rows of a lane, lanes of a row, and vec4s of others (or of half the channels) of a lane in each of its rows.
override laneRows: u32 = (ownRows + subgroupLanes - 1u) / subgroupLanes;
override rowLanes: u32 = laneRows * subgroupLanes / ownRows;
override laneVectors: u32 = 8u / rowLanes;
const mostRows = 4u;
const mostVectors = 8u;

// Blocks of 4 others x 4 channels of a run, and those of an invocation; a workgroup has at least 16 invocations.
const blocks = 128u;
const mostBlocks = 8u;
override ownBlocks: u32 = (blocks + threads - 1u) / threads;

// vec4s of a row: of channels, of others, and of f32; each 16 bytes longer than needed, so that rows begin in other banks.
const channelStride = 18u;
const keyStride = 10u;
const logitStride = 9u;

// Four channels of what begins there; zeros beyond the head.
fn componentsAt(at: u32, c: u32) -> vec4<component> {
  let isInside = headWidth == 64u || c < headWidth / 4u;
  return keptIf(isInside, vec4<component>(qkv[select(0u, at + c, isInside)]));
}
