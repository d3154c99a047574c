-- AlterEnum
ALTER TYPE "ConditionType" ADD VALUE 'MIRRORED';

-- CreateTable
CREATE TABLE "mirror" (
    "hasura_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "generation" BIGINT NOT NULL,
    "stamp" UUID,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "not_before" TIMESTAMPTZ(3),

    CONSTRAINT "mirror_pkey" PRIMARY KEY ("hasura_id")
);

-- CreateTable
CREATE TABLE "port_mirror" (
    "port_id" UUID NOT NULL,
    "digest" TEXT,
    "due_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "settles_at" TIMESTAMPTZ(3),
    "agreed_at" TIMESTAMPTZ(3),

    CONSTRAINT "port_mirror_pkey" PRIMARY KEY ("port_id")
);

-- CreateTable
CREATE TABLE "subject_spelling" (
    "subject" TEXT NOT NULL,
    "spelling" TEXT NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "subject_spelling_pkey" PRIMARY KEY ("subject")
);

-- CreateIndex
CREATE INDEX "port_mirror_due_at_idx" ON "port_mirror"("due_at");

-- AddForeignKey
ALTER TABLE "port_mirror" ADD CONSTRAINT "port_mirror_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
