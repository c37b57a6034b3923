// Tells assistive technology how the scan goes: every ten percent and the end, politely, focus untouched.
import { useEffect, useRef, useState } from "react";
import { percent } from "../../widgets/format.ts";
import type { Scan } from "./scan.ts";
import { announcementText } from "./wording.ts";

export function ScanAnnouncer({ scan }: { scan: Scan }) {
  const text = scanNews(scan);
  const [said, setSaid] = useState("");
  const last = useRef<string>(undefined);
  useEffect(() => {
    // A scan that had ended before this view appeared is no news.
    const first = last.current === undefined;
    last.current = text;
    if (!first) setSaid(text);
  }, [text]);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {said}
    </div>
  );
}

function scanNews(scan: Scan): string {
  switch (scan.kind) {
    case "waiting":
      return "";
    case "scanning": {
      const tens = Math.floor(percent(scan.scannedTo, scan.total) / 10) * 10;
      return tens === 0 ? "Comparing" : `${tens} percent compared`;
    }
    case "failed":
      return `Comparison failed: ${scan.error.message}`;
    case "ended":
      return announcementText({ ...scan, ...scan.totals });
  }
}
