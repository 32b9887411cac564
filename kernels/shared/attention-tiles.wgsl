// A workgroup has 32 tokens of its own and takes 64 others of the window at a time. An invocation makes the products of 4 own
// tokens with 2 vec4s of others, and the sums of its 4 tokens x 2 vec4s of channels, the two of each pair 8 vec4s apart.
const lanes = 64u;
const stepChannels = 8u;
const stepOthers = 8u;
const passChannels = 64u;
// By vec4 of others, or of channels, (2, 4 own tokens).
alias Products = array<vec4<f32>, 8>;
alias Vectors = array<vec4<f32>, 4>;

// Channels of others (stepChannels, 64) and of own tokens (stepChannels, 32); then shares of half of the others (32, 32 own tokens)
// and channels of a few (stepOthers, passChannels).
var<workgroup> tile: array<vec4<f32>, 384>;
const ownAt = 128u;
const channelsAt = 256u;

// Of a step's channels, half of the invocations carry 4 others x 4 channels each, and a quarter 4 own tokens x 4 channels;
// the last quarter loads the same and stores nothing.
fn carriesOthers(lane: u32) -> bool {
  return lane < 32u;
}

fn carriedChannels(lane: u32, step: u32) -> u32 {
  return step * (stepChannels / 4u) + select(lane / 8u % 2u, lane / 16u, carriesOthers(lane));
}

// Stores four tokens' vec4s of channels as four channels' vec4s of tokens.
fn storeCarried(lane: u32, vectors: Vectors) {
  let at = select(ownAt + lane / 8u % 2u * 32u + lane % 8u, lane / 16u * 64u + lane % 16u, carriesOthers(lane));
  let width = select(8u, 16u, carriesOthers(lane));
  if (lane < 48u) {
    for (var i = 0u; i < 4u; i++) {
      tile[at + i * width] = vec4<f32>(vectors[0][i], vectors[1][i], vectors[2][i], vectors[3][i]);
    }
  }
}

// Adds a step's channels to products of own tokens and others.
fn multiplyChannels(lane: u32, products: ptr<function, Products>) {
  for (var c = 0u; c < stepChannels; c++) {
    let own = tile[ownAt + c * 8u + lane / 8u % 8u];
    let near = tile[c * 16u + lane % 8u];
    let far = tile[c * 16u + 8u + lane % 8u];
    for (var r = 0u; r < 4u; r++) {
      (*products)[r] = fma(vec4<f32>(own[r]), near, (*products)[r]);
      (*products)[4u + r] = fma(vec4<f32>(own[r]), far, (*products)[4u + r]);
    }
  }
}

fn storeShares(lane: u32, shares: ptr<function, Products>) {
  for (var j = 0u; j < 4u; j++) {
    tile[(lane % 8u * 4u + j) * 8u + lane / 8u % 8u] = vec4<f32>((*shares)[0][j], (*shares)[1][j], (*shares)[2][j], (*shares)[3][j]);
  }
}

// Adds a few others' channels, times their shares, to sums.
fn multiplyShares(lane: u32, firstOther: u32, sums: ptr<function, Products>) {
  for (var k = 0u; k < stepOthers; k++) {
    let shares = tile[(firstOther % 32u + k) * 8u + lane / 8u % 8u];
    let near = tile[channelsAt + k * 16u + lane % 8u];
    let far = tile[channelsAt + k * 16u + 8u + lane % 8u];
    for (var r = 0u; r < 4u; r++) {
      (*sums)[r] = fma(vec4<f32>(shares[r]), near, (*sums)[r]);
      (*sums)[4u + r] = fma(vec4<f32>(shares[r]), far, (*sums)[4u + r]);
    }
  }
}
