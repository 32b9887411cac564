// A workgroup has tokens of its own, queries or keys, and goes through the others of the window. These lie in lines along depth,
// each padded to whole vec4s. The vec4s of a line, and of the window:
override lineVectors: u32 = (window + 3u) / 4u;
override otherVectors: u32 = window * window * lineVectors;

// A count up to 64 that a compiler cannot know, so that it leaves the loop as it is: unrolled, these take a software driver minutes.
fn counted(count: u32) -> u32 {
  return min(count, arrayLength(&qkv) + 64u);
}

// Whether every vec4 of others and every 16 of them are full.
fn isFull() -> bool {
  return window % 4u == 0u && otherVectors % 16u == 0u;
}

// The place in the window of one of a vec4 of others; past the last, the last.
fn otherPlace(vector: u32, j: u32) -> vec3<u32> {
  let within = min(vector, otherVectors - 1u);
  let line = within / lineVectors;
  return vec3<u32>(line / window, line % window, min(within % lineVectors * 4u + j, window - 1u));
}

fn isOther(vector: u32, j: u32) -> bool {
  return isFull() || (vector < otherVectors && vector % lineVectors * 4u + j < window);
}

// Along which axes the roll's seam crosses a window, as bits; 0 without a shift.
fn seamsOf(corner: vec3<u32>) -> u32 {
  let crosses = corner + vec3<u32>(firstRow, 0u, 0u) >= vec3<u32>(grid - window);
  return select(0u, 1u, shift > 0u && crosses.x) + select(0u, 2u, shift > 0u && crosses.y) + select(0u, 4u, shift > 0u && crosses.z);
}

// On which side of those a place in the window lies. Tokens on different sides were no neighbours before the roll.
fn sidesOf(place: vec3<u32>, seams: u32) -> u32 {
  let beyond = place >= vec3<u32>(window - shift);
  return seams & (select(0u, 1u, beyond.x) + select(0u, 2u, beyond.y) + select(0u, 4u, beyond.z));
}

// Where a token's query (part 0), key (1) or value (2) begins.
fn headAt(token: u32, part: u32, head: u32) -> u32 {
  return token * (qkvWidth / 4u) + (part * heads + head) * (headWidth / 4u);
}

// Four channels of what begins there; zeros beyond the head.
fn headChannels(at: u32, c: u32) -> vec4<f32> {
  let isInside = headWidth % 64u == 0u || c < headWidth / 4u;
  return select(vec4<f32>(0.0), vec4<f32>(qkv[select(0u, at + c, isInside)]), isInside);
}
