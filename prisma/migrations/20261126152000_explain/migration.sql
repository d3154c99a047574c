-- AlterEnum
ALTER TYPE "OperationKind" ADD VALUE 'GRANT';
ALTER TYPE "OperationKind" ADD VALUE 'REVOKE';
ALTER TYPE "OperationKind" ADD VALUE 'BLOCK';
ALTER TYPE "OperationKind" ADD VALUE 'UNBLOCK';

-- CreateIndex
CREATE INDEX "output_port_component_key_idx" ON "output_port"("component_key");

-- CreateIndex
CREATE INDEX "grant_since_id_idx" ON "grant"("since", "id");

-- CreateIndex
CREATE INDEX "external_role_field_name_idx" ON "external_role_field"("name");

-- Written by hand: what Prisma's schema cannot say. No semicolon in a comment: the engine splits statements there.

-- Refusals are few among what is let in, and are listed by themselves.
CREATE INDEX "access_use_refused_idx" ON "access_use"("hasura_id", "day", "id") WHERE "outcome" <> 'allowed';
