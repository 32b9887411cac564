// What is loaded ahead: its channels, its tap as a bit, and how far from a token the tap's first channel lies.
var channel4 = 0u;
var tapBit = 1u;
var away = -i32(((gridWidth + 1u) * depth + 1u) * (inWidth / 4u));
