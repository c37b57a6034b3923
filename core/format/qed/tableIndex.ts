// Which L2 tables a pass has read and in which span of clusters lies what each refers to: 20 bytes a table that refers
// to anything. Images are mostly written in order, so few spans hold any one cluster.

export interface IndexedTable {
  readonly l1Index: number;
  readonly offset: number;
}

export class TableIndex {
  #l1Indices = new Uint32Array(64);
  #offsets = new Float64Array(64);
  #spans = new Uint32Array(128);
  #count = 0;

  add(l1Index: number, offset: number, min: number, max: number): void {
    if (this.#count === this.#l1Indices.length) this.#grow();
    const at = this.#count++;
    this.#l1Indices[at] = l1Index;
    this.#offsets[at] = offset;
    this.#spans[at * 2] = min;
    this.#spans[at * 2 + 1] = max;
  }

  /** Tables that may refer to the cluster, in the order of the L1 table. */
  *candidates(cluster: number): Generator<IndexedTable> {
    for (let at = 0; at < this.#count; at++) {
      if ((this.#spans[at * 2] ?? 0) > cluster || (this.#spans[at * 2 + 1] ?? 0) < cluster) continue;
      yield { l1Index: this.#l1Indices[at] ?? 0, offset: this.#offsets[at] ?? 0 };
    }
  }

  #grow(): void {
    const length = this.#l1Indices.length * 2;
    const [l1Indices, offsets, spans] = [this.#l1Indices, this.#offsets, this.#spans];
    this.#l1Indices = new Uint32Array(length);
    this.#offsets = new Float64Array(length);
    this.#spans = new Uint32Array(length * 2);
    this.#l1Indices.set(l1Indices);
    this.#offsets.set(offsets);
    this.#spans.set(spans);
  }
}
