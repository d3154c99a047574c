-- CreateEnum
CREATE TYPE "FindingKind" AS ENUM ('MISSING', 'CHANGED', 'FOREIGN_EDIT', 'INCONSISTENT', 'ORPHAN', 'EXPOSURE');

-- CreateEnum
CREATE TYPE "WriteWay" AS ENUM ('BULK', 'REPLACE', 'PURGE');

-- AlterEnum
ALTER TYPE "OperationKind" ADD VALUE 'PAUSE';
ALTER TYPE "OperationKind" ADD VALUE 'ACKNOWLEDGE';

-- AlterTable
ALTER TABLE "hasura" DROP COLUMN "resource_version",
ADD COLUMN     "reconciled_version" BIGINT,
ADD COLUMN     "reconciled_at" TIMESTAMPTZ(3),
ADD COLUMN     "pending_version" BIGINT;

-- AlterTable
ALTER TABLE "operation" ADD COLUMN     "claimed_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "output_port" ADD COLUMN     "paused_at" TIMESTAMPTZ(3),
ADD COLUMN     "paused_by" TEXT,
ADD COLUMN     "pause_reason" TEXT,
ADD COLUMN     "protected_at" TIMESTAMPTZ(3),
ADD COLUMN     "protected_by" TEXT,
ADD COLUMN     "protect_reason" TEXT;

-- AlterTable
ALTER TABLE "source" ADD COLUMN     "broken_since" TIMESTAMPTZ(3),
ADD COLUMN     "broken_reason" TEXT,
ADD COLUMN     "probe_at" TIMESTAMPTZ(3),
ADD COLUMN     "probes" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "hasura_write" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "way" "WriteWay" NOT NULL,
    "ports" INTEGER NOT NULL,
    "rebuilds" INTEGER NOT NULL,
    "introspections" INTEGER NOT NULL,
    "size" INTEGER NOT NULL,
    "ms" INTEGER NOT NULL,

    CONSTRAINT "hasura_write_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "finding" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "environment" TEXT,
    "port_id" UUID,
    "kind" "FindingKind" NOT NULL,
    "object" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "suggestion" TEXT,
    "expected" JSONB,
    "actual" JSONB,
    "fingerprint" TEXT NOT NULL,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),
    "acknowledged_at" TIMESTAMPTZ(3),
    "acknowledged_by" TEXT,
    "acknowledge_reason" TEXT,

    CONSTRAINT "finding_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "hasura_write_hasura_id_at_idx" ON "hasura_write"("hasura_id", "at");

-- CreateIndex
CREATE INDEX "finding_port_id_ended_at_idx" ON "finding"("port_id", "ended_at");

-- CreateIndex
CREATE INDEX "finding_hasura_id_ended_at_kind_idx" ON "finding"("hasura_id", "ended_at", "kind");

-- AddForeignKey
ALTER TABLE "hasura_write" ADD CONSTRAINT "hasura_write_hasura_id_fkey" FOREIGN KEY ("hasura_id") REFERENCES "hasura"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "finding" ADD CONSTRAINT "finding_hasura_id_fkey" FOREIGN KEY ("hasura_id") REFERENCES "hasura"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "finding" ADD CONSTRAINT "finding_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- Written by hand: what Prisma's schema cannot say. No semicolon in a comment: the engine splits statements there.

-- One live finding a difference. Ended ones are kept.
CREATE UNIQUE INDEX "finding_live_key" ON "finding"("hasura_id", "kind", "object", "key") WHERE "ended_at" IS NULL;

-- What the removal of old operations looks for.
CREATE INDEX "operation_ended_idx" ON "operation"("finished_at") WHERE "status" <> 'RUNNING';
