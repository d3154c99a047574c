-- AlterEnum
ALTER TYPE "OperationKind" ADD VALUE 'COMBINE';
ALTER TYPE "OperationKind" ADD VALUE 'SEPARATE';

-- AlterTable
ALTER TABLE "combined_role" DROP COLUMN "cost",
ADD COLUMN     "declare_reason" TEXT,
ADD COLUMN     "declared_by" TEXT,
ADD COLUMN     "made_at" TIMESTAMPTZ(3),
ADD COLUMN     "rebuild_ms" DOUBLE PRECISION,
ADD COLUMN     "write_ms" INTEGER;
