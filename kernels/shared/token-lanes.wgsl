// Not read: on devices without subgroups it is a token's invocations, here a subgroup's lanes are.
override lanes: u32 = 32u;

// vec4s of a token that a lane of its subgroup has, and the most that may be.
override laneVectors: u32 = (width / 4u + subgroupLanes - 1u) / subgroupLanes;
const mostVectors = 128u;
