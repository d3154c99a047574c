-- AlterEnum
ALTER TYPE "OperationKind" ADD VALUE 'EXTERNAL_ROLE';
