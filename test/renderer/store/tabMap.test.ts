// What lives as long as a tab.
import { beforeEach, expect, it } from "vitest";
import { TabMap } from "../../../renderer/store/tabMap.ts";
import { hexTab, useView } from "../../../renderer/store/view.ts";

const [one, two] = [hexTab("one"), hexTab("two")];
let made: number;
let ended: number[];
let map: TabMap<number>;
const of = (id: string) => map.of(id, () => ++made);

beforeEach(() => {
  useView.setState({ tabs: [one, two], active: one.id, closed: [] });
  made = 0;
  // Maps of the tests before this one still listen.
  const mine: number[] = [];
  ended = mine;
  map = new TabMap<number>((value) => mine.push(value));
});

it("makes a tab's value once, and another for another tab", () => {
  expect([of(one.id), of(one.id), of(two.id), of(one.id)]).toEqual([1, 1, 2, 1]);
});

it("ends the value of a tab that is closed, and no other; a tab opened again has a new one", () => {
  of(one.id);
  of(two.id);
  useView.getState().closeTab(one.id);
  expect(ended).toEqual([1]);
  expect(map.entries()).toEqual([[two.id, 2]]);
  useView.getState().reopenTab();
  expect(of(one.id)).toBe(3);
});

it("keeps a value that moved to a tab which is about to take its tab's place", () => {
  const other = hexTab("other");
  of(one.id);
  expect(map.move(one.id, other.id)).toBe(1);
  useView.getState().say("on its way");
  useView.getState().replaceTab(one.id, other);
  expect(ended).toEqual([]);
  expect(of(other.id)).toBe(1);
  expect(map.move("no tab", one.id)).toBeUndefined();
});
