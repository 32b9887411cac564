override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

// Queries of a workgroup (on the keys' side its keys), and the largest window and head that it takes.
const tileQueries = 64u;
const tileWindow = 10u;
const tileHead = 80u;

// These forms take square matrices only.
const matrixSide = matrixRows;

// What a subgroup has of the queries, and a step of the keys; on the keys' side the other way round.
const run = 16u;
const across = run / matrixSide;
const maxHeadSteps = tileHead / matrixSide;
override headSteps: u32 = (headWidth + matrixSide - 1u) / matrixSide;
override tileWidth: u32 = headSteps * matrixSide;
