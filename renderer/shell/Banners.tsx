// Messages about the whole app, above the active view: the session that was lost, a request that was refused.
import { useApp } from "../store/app.ts";
import { Notice } from "../widgets/Notice.tsx";

export function Banners() {
  const lost = useApp((state) => state.lost);
  const refusal = useApp((state) => state.refusal);
  const { dismissLost, refuse } = useApp.getState();
  return (
    <>
      {lost && (
        <Notice tone="warning" live onDismiss={dismissLost}>
          The part of Blkscope that reads images stopped and was started again. Open images were opened again;
          nothing was changed. Reason: {lost.message}.
        </Notice>
      )}
      {refusal !== undefined && (
        <Notice tone="warning" live onDismiss={() => refuse(undefined)}>
          {refusal}
        </Notice>
      )}
    </>
  );
}
