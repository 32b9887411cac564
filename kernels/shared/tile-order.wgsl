// So many rows of tiles are walked together, column by column: workgroups that run at the same time then read fewer weights, and
// leave more of a small cache to them.
// It stands before workgroup arrays: Naga loses its way where an override comes behind one that has its size from overrides.
override bandTiles: u32 = 1u;

// The column and the row of a workgroup's tile.
fn tileAt(group: vec3<u32>, groups: vec3<u32>) -> vec2<u32> {
  let row = group.y + group.z * groups.y;
  if (bandTiles == 1u) {
    return vec2<u32>(group.x, row);
  }
  let first = row / bandTiles * bandTiles;
  let rows = min(bandTiles, groups.y * groups.z - first);
  let place = group.x + (row - first) * groups.x;
  return vec2<u32>(place / rows, first + place % rows);
}
